//! Who asks the policies while a run goes on.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::Layer;
use super::audit::{Audit, Record, Unaudited};
use super::decide::{Decision, Policies, Snapshot};
use super::file::PolicyFile;
use super::grant::{Act, Granted};
use super::need::Need;
use super::principal::Principal;
use super::request::{Context, Request};
use super::resource::Resource;
use super::vocabulary::Action;
use crate::error::{Error, Result};

/// Denials that are kept for the error of a run that fails: the first tell the most.
const DENIALS_MAX: usize = 8;

/// Decides in the name of one principal, and keeps what was decided. Clones share everything.
///
/// To be asked on the stack of a thread, not on one that a guest runs on: the engine looks how much of the thread's stack
/// is left, and where it cannot tell it fails, which denies.
#[derive(Clone, Debug)]
pub struct Guard {
    shared: Arc<Shared>,
    /// The step whose transform asks, if one does.
    step: Option<Arc<str>>,
    /// Whether objects are read as bytes, in which no column can be masked.
    raw: bool,
}

#[derive(Debug)]
struct Shared {
    snapshot: RwLock<Arc<Snapshot>>,
    audit: Arc<dyn Audit>,
    denials: Mutex<Vec<Error>>,
}

impl Guard {
    /// Decides by `snapshot`, and tells `audit`.
    #[must_use]
    pub fn new(snapshot: Snapshot, audit: Arc<dyn Audit>) -> Self {
        let denials = Mutex::default();
        Self {
            shared: Arc::new(Shared {
                snapshot: RwLock::new(Arc::new(snapshot)),
                audit,
                denials,
            }),
            step: None,
            raw: false,
        }
    }

    /// For somebody who looks at their own data: everything is allowed, and nobody is told.
    ///
    /// # Errors
    ///
    /// Fails only by a bug.
    pub fn owner() -> Result<Self> {
        let policies = Policies::new(vec![PolicyFile::unwritten("owner")]);
        let snapshot = policies.snapshot(&Principal::user("owner")?)?;
        Ok(Self::new(snapshot, Arc::new(Unaudited)))
    }

    /// For somebody who works on what they name, by what others may have written there: all that is needed is allowed, and
    /// nothing else.
    ///
    /// # Errors
    ///
    /// Fails only by a bug.
    pub fn owner_of(needs: &[Need]) -> Result<Self> {
        let named = PolicyFile {
            layer: Layer::Identity,
            ..PolicyFile::declared("owner", needs)
        };
        let snapshot = Policies::new(vec![named]).snapshot(&Principal::user("owner")?)?;
        Ok(Self::new(snapshot, Arc::new(Unaudited)))
    }

    /// The same, asked by the transform of a step, which gets objects as bytes.
    #[must_use]
    pub fn of_step(&self, step: &str) -> Self {
        Self {
            step: Some(step.into()),
            ..self.of_bytes()
        }
    }

    /// The same for who hands on the bytes of objects: none is read where a column may be masked.
    #[must_use]
    pub fn of_bytes(&self) -> Self {
        Self {
            raw: true,
            ..self.clone()
        }
    }

    /// The policies that decide at present. As long as they do, it is the same snapshot; see [`Arc::ptr_eq`].
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        let current = self.shared.snapshot.read();
        Arc::clone(&current.unwrap_or_else(PoisonError::into_inner))
    }

    /// Has other policies decide whatever is asked from now on, of all clones. What was granted before is not taken
    /// back: who remembers a decision has to see whether the snapshot is still the same.
    ///
    /// # Errors
    ///
    /// As [`Policies::snapshot`]; the policies before then go on to decide.
    pub fn replace(&self, policies: &Policies) -> Result<()> {
        let next = Arc::new(policies.snapshot(self.snapshot().principal())?);
        let current = self.shared.snapshot.write();
        *current.unwrap_or_else(PoisonError::into_inner) = next;
        Ok(())
    }

    /// Decides whether `A` is allowed on a resource, and proves it.
    ///
    /// # Errors
    ///
    /// As [`Snapshot::grant`]; and where the decision cannot be kept.
    pub fn grant<A: Act>(&self, resource: Resource, context: Context) -> Result<Granted<A>> {
        let request = Request::on(A::ACTION, resource, context)?;
        let snapshot = self.snapshot();
        let mut decision = snapshot.decide(&request);
        let reads = decision.allowed && A::ACTION == Action::ObjectGet;
        if self.raw && reads && snapshot.may_mask(&request.resource.above()) {
            decision.refuse(
                "columns of what is in the folder may be masked, so that nothing in it is read as bytes",
            );
        }
        self.record(&snapshot, &request, &decision)?;
        let granted = snapshot.prove(request, decision);
        granted.inspect_err(|error| self.keep(error))
    }

    /// Decides without wanting to act.
    ///
    /// # Errors
    ///
    /// Fails where the decision cannot be kept.
    pub fn decide(&self, action: Action, resource: Resource, context: Context) -> Result<Decision> {
        let request = Request::on(action, resource, context)?;
        let snapshot = self.snapshot();
        let decision = snapshot.decide(&request);
        self.record(&snapshot, &request, &decision)?;
        Ok(decision)
    }

    /// Denies something before the policies are asked, and records and keeps that as what they deny. `resource` may be in
    /// a form that names nothing: that may be the reason. Returns `why`, or why it could not be recorded.
    #[must_use]
    pub fn refuse(&self, action: Action, resource: &str, context: Context, why: Error) -> Error {
        let request = Request::refused(action, resource, context);
        let snapshot = self.snapshot();
        let recorded = self.record(&snapshot, &request, &Decision::refused(why.message()));
        let why = why
            .fact("principal", snapshot.principal())
            .fact("action", action)
            .fact("resource", &request.resource);
        let error = recorded.err().unwrap_or(why);
        self.keep(&error);
        error
    }

    fn record(&self, snapshot: &Snapshot, request: &Request, decision: &Decision) -> Result<()> {
        self.shared.audit.record(&Record {
            principal: snapshot.principal(),
            step: self.step.as_deref(),
            request,
            decision,
        })
    }

    /// Keeps a denial that a transform may have got over, and that others than the policies decided.
    pub fn keep(&self, error: &Error) {
        // What the host itself was denied is the run's error.
        if self.step.is_none() {
            return;
        }
        let denials = &self.shared.denials;
        let mut denials = denials.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = denials
            .iter()
            .any(|known| known.message() == error.message());
        if !is_known && denials.len() < DENIALS_MAX {
            denials.push(error.to_shared());
        }
    }

    /// The first denials, oldest first; they are handed out once.
    #[must_use]
    pub fn take_denials(&self) -> Vec<Error> {
        let denials = &self.shared.denials;
        std::mem::take(&mut *denials.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
