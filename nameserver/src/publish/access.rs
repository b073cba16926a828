//! Whether this identity may keep its state below `STATE`: better known at the start than when
//! this replica is to take over.

use contract::{State, ZnodePath};
use log::warn;
use zookeeper::{Connection, Error};

/// Creates `STATE` where it is missing, and looks at what may be done there. Returns why this
/// identity, if it is `named`, cannot keep its state there, or none when it can.
///
/// # Errors
/// The connection broke, or there is no answer for another reason than the ACL.
pub async fn refusal(
    connection: &Connection,
    state: &State,
    named: bool,
) -> Result<Option<String>, Error> {
    match connection.create_all(&state.election()).await {
        Ok(()) => {}
        Err(Error::NotAuthorized) => {
            return Ok(Some(explain("create znodes in", state.path(), named)));
        }
        Err(error) => return Err(error),
    }
    let hosts = state.hosts();
    if !connection.may_set(&hosts).await? {
        return Ok(Some(explain("write", &hosts, named)));
    }
    if named && connection.anyone_may_change(state.path()).await? {
        warn!("{}", how_to_close(state));
    }
    Ok(None)
}

/// How to close a `STATE` that was created without an identity, but for what everybody must be able
/// to write.
fn how_to_close(state: &State) -> String {
    let path = state.path();
    let open = state
        .open()
        .map(|open| format!("`setAcl -R {open} world:anyone:cdrwa`"));
    format!(
        "everybody may change {path}, since it was created without an identity: close it with zkCli's \
         `setAcl -R {path} auth::cdrwa,world:anyone:r`, and then open again where agents tell what \
         they have applied, and to what they are bound: {}",
        open.join(" and ")
    )
}

fn explain(what: &str, path: &ZnodePath, named: bool) -> String {
    let who = if named {
        "our identity"
    } else {
        "nobody without an identity"
    };
    let not = if named { "may not" } else { "may" };
    format!(
        "{who} {not} {what} {path}, as its ACL says: start with the identity that created \
         it (--auth-file, --sasl-user or --tls-cert), change the ACL with zkCli's setAcl, or choose another --state"
    )
}

#[cfg(test)]
mod tests {
    use super::{explain, how_to_close};
    use contract::State;

    /// With less, every `--bind` is refused once the advice was taken.
    #[test]
    fn the_advice_leaves_all_open_that_everybody_writes() {
        let state = State::new("/nameserver".parse().unwrap());
        let advice = how_to_close(&state);
        for open in state.open() {
            assert!(
                advice.contains(&format!("`setAcl -R {open} world:anyone:cdrwa`")),
                "{advice}"
            );
        }
    }

    #[test]
    fn the_sentence_is_right_with_and_without_an_identity() {
        let path = "/nameserver/hosts".parse().unwrap();
        let text = explain("write", &path, true);
        assert!(text.starts_with("our identity may not write /nameserver/hosts, as"));
        let text = explain("write", &path, false);
        assert!(text.starts_with("nobody without an identity may write /nameserver/hosts, as"));
    }
}
