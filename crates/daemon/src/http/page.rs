//! One HTML file for people, with all that it needs inside: what each program shows, in a frame that both share.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

const STYLE: &str = include_str!("page.css");
const FRAME: &str = include_str!("page.js");

/// A page that shows what the status says, and follows it.
#[derive(Debug, Clone)]
pub struct Page {
    html: String,
    policy: String,
}

impl Page {
    /// The page of a program, which shows it with this script: it adds what it has to the frame's `views`.
    pub fn new(program: &str, script: &str) -> Self {
        let script = format!("\"use strict\";\n{FRAME}\n{script}\nfollow();\n");
        let html = format!(
            "<!DOCTYPE html>\n\
             <html lang=\"en\">\n\
             <head>\n\
             <meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{program}</title>\n\
             <link rel=\"icon\" href=\"data:,\">\n\
             <style>{STYLE}</style>\n\
             </head>\n\
             <body>\n\
             <header id=\"head\"><h1>{program}</h1></header>\n\
             <main id=\"main\"></main>\n\
             <noscript>This page needs JavaScript; the same stands in /status.</noscript>\n\
             <script>{script}</script>\n\
             </body>\n\
             </html>\n"
        );
        let policy = format!(
            "default-src 'none'; script-src {}; style-src {}; connect-src 'self'; img-src data:; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            hash(&script),
            hash(STYLE)
        );
        Self { html, policy }
    }

    pub(super) fn html(&self) -> &str {
        &self.html
    }

    /// What the page may do: run its own script, look as its own style says, and ask where it came from.
    pub(super) fn policy(&self) -> &str {
        &self.policy
    }
}

/// What a browser knows an embedded text by.
fn hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    format!("'sha256-{}'", STANDARD.encode(digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_inside_and_nothing_ends_before_its_end() {
        let page = Page::new("x", "views.push(() => 1)");
        let html = page.html();
        for foreign in ["http:", "https:", "src=", "//cdn", "@import", "url("] {
            assert!(!html.contains(foreign), "{foreign}");
        }
        for element in ["script", "style"] {
            assert_eq!(html.matches(&format!("<{element}>")).count(), 1);
            assert_eq!(html.matches(&format!("</{element}>")).count(), 1);
        }
        // What is shown is set as text, never as HTML.
        for way in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
        ] {
            assert!(!html.contains(way), "{way}");
        }
    }

    #[test]
    fn the_policy_names_what_is_embedded() {
        // echo -n 'alert(1)' | openssl dgst -sha256 -binary | base64
        let known = "'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='";
        assert_eq!(hash("alert(1)"), known);
    }
}
