//! Whether this identity may keep its state below `STATE`: better known at the start than when
//! this replica is to take over.

use contract::ZnodePath;
use log::warn;
use zookeeper::{Connection, Error};

/// Creates `STATE` where it is missing, and looks at what may be done there. Returns why this
/// identity, if it is `named`, cannot keep its state there, or none when it can.
///
/// # Errors
/// The connection broke, or there is no answer for another reason than the ACL.
pub async fn refusal(
    connection: &Connection,
    state: &ZnodePath,
    named: bool,
) -> Result<Option<String>, Error> {
    let child = |component| state.child(component).expect("a plain component");
    match connection.create_all(&child("election")).await {
        Ok(()) => {}
        Err(Error::NotAuthorized) => {
            return Ok(Some(explain("create znodes in", state, named)));
        }
        Err(error) => return Err(error),
    }
    let hosts = child("hosts");
    if !connection.may_set(&hosts).await? {
        return Ok(Some(explain("write", &hosts, named)));
    }
    if named && connection.anyone_may_change(state).await? {
        warn!(
            "everybody may change {state}, since it was created without --auth: close it with \
             zkCli's `setAcl -R {state} auth::cdrwa,world:anyone:r`, but leave {}/agents open, where \
             agents tell what they have applied",
            state
        );
    }
    Ok(None)
}

fn explain(what: &str, path: &ZnodePath, named: bool) -> String {
    let who = match named {
        true => "the identity of --auth",
        false => "nobody without an identity",
    };
    let not = if named { "may not" } else { "may" };
    format!(
        "{who} {not} {what} {path}, as its ACL says: start with --auth-file and the identity that \
         created it, change the ACL with zkCli's setAcl, or choose another --state"
    )
}

#[cfg(test)]
mod tests {
    use super::explain;

    #[test]
    fn the_sentence_is_right_with_and_without_an_identity() {
        let path = "/nameserver/hosts".parse().unwrap();
        let text = explain("write", &path, true);
        assert!(text.starts_with("the identity of --auth may not write /nameserver/hosts, as"));
        let text = explain("write", &path, false);
        assert!(text.starts_with("nobody without an identity may write /nameserver/hosts, as"));
    }
}
