//! Policies that change while others ask.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::{Layer, anna, policies, statement};
use crate::policy::{Context, Guard, Resource, Unaudited, act};

#[test]
fn what_is_revoked_is_denied_by_every_clone_from_then_on() {
    let allow = statement("any-user", "secret:read", "secret:*", "");
    let allowing = policies(&[(Layer::Identity, &allow)]);
    let nothing = policies(&[(Layer::Identity, "")]);
    let guard = Guard::new(allowing.snapshot(&anna()).unwrap(), Arc::new(Unaudited));
    let is_granted = |guard: &Guard| {
        let secret = Resource::secret("token").unwrap();
        let granted = guard.grant::<act::SecretRead>(secret, Context::default());
        granted.is_ok()
    };
    assert!(is_granted(&guard));

    let is_revoked = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..4 {
            let (guard, is_revoked) = (guard.of_step("read"), &is_revoked);
            scope.spawn(move || {
                loop {
                    let was_revoked = is_revoked.load(Ordering::SeqCst);
                    let granted = is_granted(&guard);
                    assert!(!(was_revoked && granted), "granted after it was revoked");
                    if was_revoked {
                        break;
                    }
                }
            });
        }
        guard.replace(&nothing).unwrap();
        is_revoked.store(true, Ordering::SeqCst);
    });
    guard.replace(&allowing).unwrap();
    assert!(is_granted(&guard.of_step("read")));
}
