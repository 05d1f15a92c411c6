//! Who asks: by the secret of this run, or by what a proxy says.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use anyhow::Context;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use data_encoding::BASE64URL_NOPAD;
use fs_err as fs;

use super::query::Query;
use crate::config::Page;
use crate::privacy::random;
use crate::report::scope::Audience;

/// The header in which the proxy sends its secret.
const SECRET: HeaderName = HeaderName::from_static("x-jeton-secret");
/// The cookie that the secret of a run becomes.
const COOKIE: &str = "jeton";

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    /// This machine, by TCP.
    Loopback,
    /// A user of this machine, by a Unix socket; `None` where the kernel does not say.
    User(Option<u32>),
}

/// What is to become of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is answered with what these may see.
    Guest(Audience),
    /// It has the secret of this run: it gets a cookie, and the same address without the secret.
    Welcome {
        /// The cookie.
        cookie: HeaderValue,
        /// The address.
        to: HeaderValue,
    },
    /// It is not answered.
    Refused(StatusCode, Reason),
}

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// Nothing says who asks.
    Unknown,
    /// An admin must name them.
    NotNamed,
    /// It did not come through the proxy.
    NotTheProxy,
    /// It is no proper request.
    Broken,
}

impl Reason {
    /// Its text under `[page]`.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Unknown => "page.unknown",
            Self::NotNamed => "page.not_named",
            Self::NotTheProxy => "page.not_the_proxy",
            Self::Broken => "page.broken",
        }
    }
}

/// How requests are told apart.
pub(super) enum Access {
    /// By a secret of this run, at an address.
    Token { token: String, hosts: Vec<String> },
    /// By what a proxy says.
    Proxy { header: HeaderName, proxies: Vec<u32>, secret: Option<Vec<u8>>, page: Box<Page> },
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Token { .. } => "Token",
            Self::Proxy { .. } => "Proxy",
        })
    }
}

impl Access {
    /// As the configuration says; `address` is where the page listens, on the loopback.
    pub(super) fn of(page: &Page, address: Option<SocketAddr>) -> anyhow::Result<Self> {
        let Some(header) = &page.user_header else {
            let bytes = random::<24>()?;
            let port = address.map_or(0, |address| address.port());
            let hosts = address.iter().map(ToString::to_string).chain([format!("localhost:{port}")]).collect();
            return Ok(Self::Token { token: BASE64URL_NOPAD.encode(&bytes), hosts });
        };
        let uid = |name: &String| {
            let user =
                uzers::get_user_by_name(name).with_context(|| format!("`[page] proxy_users`: no user `{name}`"))?;
            Ok::<_, anyhow::Error>(user.uid())
        };
        let secret = page.secret_file.as_ref().map(|path| -> anyhow::Result<Vec<u8>> {
            let secret = fs::read(path)?.trim_ascii().to_vec();
            anyhow::ensure!(secret.len() >= 16, "`{}`: expected a secret of at least 16 characters", path.display());
            Ok(secret)
        });
        Ok(Self::Proxy {
            header: HeaderName::from_bytes(header.as_bytes()).context("`[page] user_header`")?,
            proxies: page.proxy_users.iter().map(uid).collect::<anyhow::Result<_>>()?,
            secret: secret.transpose()?,
            page: Box::new(page.clone()),
        })
    }

    /// The secret of this run, where there is one.
    pub(super) fn token(&self) -> Option<&str> {
        match self {
            Self::Token { token, .. } => Some(token),
            Self::Proxy { .. } => None,
        }
    }

    /// What is to become of a request.
    pub(super) fn judge(&self, peer: Peer, parts: &Parts) -> Verdict {
        match self {
            Self::Token { token, hosts } => by_token(token, hosts, parts),
            Self::Proxy { header, proxies, secret, page } => {
                if is_proxy(peer, proxies, secret.as_deref(), &parts.headers) {
                    by_header(header, page, &parts.headers)
                } else {
                    Verdict::Refused(StatusCode::FORBIDDEN, Reason::NotTheProxy)
                }
            }
        }
    }
}

fn by_token(token: &str, hosts: &[String], parts: &Parts) -> Verdict {
    // Another site's name for this machine would be another site's page (DNS rebinding).
    let host = only(&parts.headers, &header::HOST).and_then(|host| host.to_str().ok());
    if !host.is_some_and(|host| hosts.iter().any(|known| known.eq_ignore_ascii_case(host))) {
        return Verdict::Refused(StatusCode::FORBIDDEN, Reason::Broken);
    }
    let query = Query::of(parts.uri.query());
    if query.text("token").is_some_and(|given| is_same(given.as_bytes(), token.as_bytes())) {
        let cookie = format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict");
        let to = query.without(&["token"]).address(parts.uri.path());
        if let (Ok(cookie), Ok(to)) = (HeaderValue::from_str(&cookie), HeaderValue::from_str(&to)) {
            return Verdict::Welcome { cookie, to };
        }
    }
    let cookies = parts.headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut own = cookies.flat_map(|text| text.split(';')).filter_map(|one| one.trim().split_once('='));
    let is_known = own.any(|(name, value)| name == COOKIE && is_same(value.as_bytes(), token.as_bytes()));
    if is_known {
        Verdict::Guest(Audience::Everyone)
    } else {
        Verdict::Refused(StatusCode::UNAUTHORIZED, Reason::Unknown)
    }
}

/// Whether a request came through the proxy: over a socket, as its user; else with its secret. Where both are set, both.
fn is_proxy(peer: Peer, proxies: &[u32], secret: Option<&[u8]>, headers: &HeaderMap) -> bool {
    let is_user = match peer {
        Peer::User(Some(uid)) => proxies.is_empty() || proxies.contains(&uid),
        Peer::User(None) => false,
        Peer::Loopback => true,
    };
    let knows = match secret {
        Some(secret) => only(headers, &SECRET).is_some_and(|given| is_same(given.as_bytes(), secret)),
        // Over TCP anybody on this machine could be it.
        None => matches!(peer, Peer::User(_)) && !proxies.is_empty(),
    };
    is_user && knows
}

fn by_header(header: &HeaderName, page: &Page, headers: &HeaderMap) -> Verdict {
    if headers.get_all(header).iter().count() > 1 {
        return Verdict::Refused(StatusCode::BAD_REQUEST, Reason::Broken);
    }
    let user = headers.get(header).and_then(|user| std::str::from_utf8(user.as_bytes()).ok()).map(str::trim);
    let Some(user) = user.filter(|user| !user.is_empty()) else {
        return Verdict::Refused(StatusCode::UNAUTHORIZED, Reason::Unknown);
    };
    if page.admins.iter().any(|admin| admin == user) {
        return Verdict::Guest(Audience::Everyone);
    }
    let own = page.readers.iter().filter(|reader| reader.user == user);
    let departments: BTreeSet<String> = own.flat_map(|reader| reader.departments.iter().cloned()).collect();
    if departments.is_empty() {
        Verdict::Refused(StatusCode::FORBIDDEN, Reason::NotNamed)
    } else {
        Verdict::Guest(Audience::Departments(departments))
    }
}

/// The value of a header that stands once.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h HeaderValue> {
    let mut all = headers.get_all(name).iter();
    all.next().filter(|_| all.next().is_none())
}

/// Whether two secrets are the same, in a time that does not say where they differ.
fn is_same(given: &[u8], known: &[u8]) -> bool {
    given.len() == known.len() && given.iter().zip(known).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;
    use crate::config::PageReader;

    fn parts(path: &str, headers: &[(&str, &str)]) -> Parts {
        let request =
            headers.iter().fold(Request::builder().uri(path), |request, (name, value)| request.header(*name, *value));
        request.body(()).unwrap().into_parts().0
    }

    fn refused(verdict: &Verdict) -> Option<(u16, Reason)> {
        match verdict {
            Verdict::Refused(status, reason) => Some((status.as_u16(), *reason)),
            _ => None,
        }
    }

    #[test]
    fn the_secret_of_a_run_becomes_a_cookie_and_nothing_else_lets_in() {
        let address = "127.0.0.1:4711".parse().unwrap();
        let access = Access::of(&Page::default(), Some(address)).unwrap();
        let token = access.token().unwrap().to_owned();
        assert!(token.len() == 32 && Access::of(&Page::default(), Some(address)).unwrap().token() != Some(&token));
        let judge = |path: &str, headers: &[(&str, &str)]| access.judge(Peer::Loopback, &parts(path, headers));
        let host = ("host", "127.0.0.1:4711");
        let welcome = judge(&format!("/sessions?login=a%26b&token={token}"), &[host]);
        let Verdict::Welcome { cookie, to } = welcome else { panic!("{welcome:?}") };
        assert_eq!(to, "/sessions?login=a%26b");
        let cookie = cookie.to_str().unwrap();
        assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{cookie}");
        let pair = cookie.split(';').next().unwrap();
        assert!(matches!(judge("/", &[host, ("cookie", &format!("a=b; {pair}"))]), Verdict::Guest(_)));
        assert!(matches!(judge("/", &[("host", "localhost:4711"), ("cookie", pair)]), Verdict::Guest(_)));
        for headers in [
            vec![host],
            vec![host, ("cookie", "jeton=x")],
            vec![host, ("cookie", "jeton="), ("x-remote-user", "admin")],
        ] {
            assert_eq!(refused(&judge("/", &headers)), Some((401, Reason::Unknown)), "{headers:?}");
        }
        for wrong in [
            vec![("host", "evil.example:4711"), ("cookie", pair)],
            vec![("cookie", pair)],
            vec![host, host, ("cookie", pair)],
        ] {
            assert_eq!(refused(&judge("/", &wrong)), Some((403, Reason::Broken)), "{wrong:?}");
        }
    }

    fn proxied(with_secret: bool) -> (tempfile::TempDir, Access) {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        fs::write(&secret, "0123456789abcdef\n").unwrap();
        let page = Page {
            user_header: Some("X-Remote-User".to_owned()),
            proxy_users: if with_secret { Vec::new() } else { vec!["root".to_owned()] },
            secret_file: with_secret.then_some(secret),
            admins: vec!["direction".to_owned()],
            readers: vec![
                PageReader { user: "anna".to_owned(), departments: vec!["DPT1".to_owned()] },
                PageReader { user: "anna".to_owned(), departments: vec!["DPT4".to_owned()] },
            ],
            ..Page::default()
        };
        let access = Access::of(&page, None).unwrap();
        (folder, access)
    }

    #[test]
    fn a_proxy_says_who_asks_and_nobody_else_does() {
        let (_folder, access) = proxied(true);
        let secret = ("x-jeton-secret", "0123456789abcdef");
        let judge = |headers: &[(&str, &str)]| access.judge(Peer::Loopback, &parts("/", headers));
        let admin = Verdict::Guest(Audience::Everyone);
        assert_eq!(judge(&[secret, ("x-remote-user", "direction")]), admin);
        let own = Audience::Departments(["DPT1".to_owned(), "DPT4".to_owned()].into());
        assert_eq!(judge(&[secret, ("X-Remote-User", " anna ")]), Verdict::Guest(own));
        for (headers, expected) in [
            (vec![secret], (401, Reason::Unknown)),
            (vec![secret, ("x-remote-user", "")], (401, Reason::Unknown)),
            (vec![secret, ("x-remote-user", "Anna")], (403, Reason::NotNamed)),
            (vec![secret, ("x-remote-user", "anna, direction")], (403, Reason::NotNamed)),
            (vec![secret, ("x-remote-user", "anna"), ("x-remote-user", "direction")], (400, Reason::Broken)),
            (vec![("x-remote-user", "direction")], (403, Reason::NotTheProxy)),
            (vec![("x-jeton-secret", "0123456789abcdeF"), ("x-remote-user", "direction")], (403, Reason::NotTheProxy)),
            (vec![secret, secret, ("x-remote-user", "direction")], (403, Reason::NotTheProxy)),
        ] {
            assert_eq!(refused(&judge(&headers)), Some(expected), "{headers:?}");
        }
    }

    #[test]
    fn over_a_socket_the_kernel_says_who_the_proxy_is() {
        let (_folder, access) = proxied(false);
        let headers = [("x-remote-user", "direction")];
        let judge = |peer| access.judge(peer, &parts("/", &headers));
        assert!(matches!(judge(Peer::User(Some(0))), Verdict::Guest(_)));
        for peer in [Peer::User(Some(1000)), Peer::User(None), Peer::Loopback] {
            assert_eq!(refused(&judge(peer)), Some((403, Reason::NotTheProxy)), "{peer:?}");
        }
    }
}
