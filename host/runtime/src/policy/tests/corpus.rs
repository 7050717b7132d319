//! Requests whose answers Cedar's authors have proved, put to our slices of policies.

#![expect(clippy::disallowed_methods, reason = "a test reads its own data")]

use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::str::FromStr;

use cedar_policy::{AuthorizationError, Context, Entities, EntityUid, PolicySet, Request, Schema};
use serde::Deserialize;
use serde_json::Value;

use super::super::slices::{Slices, Targets, may_be_about};

/// A case of `tests/data/cedar`, a line each.
#[derive(Deserialize)]
struct Case {
    name: String,
    schema: String,
    policies: String,
    entities: Value,
    requests: Vec<Asked>,
}

#[derive(Deserialize)]
struct Asked {
    principal: Value,
    action: Value,
    resource: Value,
    context: Value,
    decision: String,
    reason: BTreeSet<String>,
    errors: BTreeSet<String>,
}

struct World {
    schema: Schema,
    policies: PolicySet,
    entities: Entities,
}

impl World {
    fn of(case: &Case) -> Self {
        let schema = Schema::from_str(&case.schema).unwrap();
        let entities = Entities::from_json_value(case.entities.clone(), Some(&schema)).unwrap();
        Self {
            policies: case.policies.parse().unwrap(),
            schema,
            entities,
        }
    }

    /// An entity and what it is in.
    fn with_ancestors(&self, uid: &EntityUid) -> HashSet<EntityUid> {
        let above = self.entities.ancestors(uid).into_iter().flatten();
        above.cloned().chain([uid.clone()]).collect()
    }

    /// Checks one answer, and says how many policies did not have to be asked.
    fn check(&self, asked: &Asked, name: &str) -> usize {
        let uid = |value: &Value| EntityUid::from_json(value.clone()).unwrap();
        let (principal, resource) = (uid(&asked.principal), uid(&asked.resource));
        let action = uid(&asked.action);
        let kinds = Some((&self.schema, &action));
        let context = Context::from_json_value(asked.context.clone(), kinds).unwrap();
        let own = self.with_ancestors(&principal);
        let above = self.with_ancestors(&resource);
        let targets: Targets = above.into_iter().map(Some).chain([None]).collect();

        let mut slices = Slices::default();
        let mut left_out = 0;
        for policy in self.policies.policies() {
            if may_be_about(policy, &principal, &own) {
                slices.add(policy.clone()).unwrap();
            } else {
                left_out += 1;
            }
        }
        let schema = Some(&self.schema);
        let request = Request::new(principal, action, resource, context, schema).unwrap();
        let answer = slices.ask(&request, &self.entities, &targets);

        let allows = answer.denying.is_empty() && !answer.allowing.is_empty();
        let reasons = if answer.denying.is_empty() {
            answer.allowing
        } else {
            answer.denying
        };
        let reasons: BTreeSet<_> = reasons.iter().map(ToString::to_string).collect();
        let errors = answer.errors.iter().map(|error| match error {
            AuthorizationError::PolicyEvaluationError(error) => error.policy_id().to_string(),
        });
        let errors: BTreeSet<_> = errors.collect();
        assert_eq!(allows, asked.decision == "allow", "{name}");
        assert_eq!(reasons, asked.reason, "{name}");
        assert_eq!(errors, asked.errors, "{name}");
        left_out
    }
}

#[test]
fn slices_answer_as_all_policies_together_do() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = path.join("../../tests/data/cedar/corpus.ndjson.zst");
    let lines = zstd::Decoder::new(File::open(path).unwrap()).unwrap();
    let (mut cases, mut left_out) = (0, 0);
    for line in BufReader::new(lines).lines() {
        let case: Case = serde_json::from_str(&line.unwrap()).unwrap();
        let world = World::of(&case);
        for asked in &case.requests {
            left_out += world.check(asked, &case.name);
        }
        cases += 1;
    }
    assert_eq!(cases, 7_809);
    assert!(left_out > 0, "no case has a policy about others");
}
