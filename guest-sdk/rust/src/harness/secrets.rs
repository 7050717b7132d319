//! Secrets of a test, in place of the host's.

pub(crate) enum Error {
    Denied(String),
    #[expect(dead_code, reason = "a test has the secrets that it names")]
    Unavailable(String),
}

pub(crate) fn read(name: &str) -> Result<String, Error> {
    let fakes = super::fakes::installed();
    let secret = fakes.secrets.borrow().get(name).cloned();
    secret.ok_or_else(|| Error::Denied("the step does not declare it".to_owned()))
}
