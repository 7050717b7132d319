//! Statements to policies of Cedar, through its syntax tree in JSON: no text is put together.

use serde_json::{Value, json};

use super::condition::{Condition, Literal, Test};
use super::principal::Who;
use super::resource::{Pattern, entity_type};
use super::statement::{Effect, Statement};
use super::variables::{Chunk, Scope, Unresolved};
use super::vocabulary::{Action, Home, KeyType, ResourceKind};

/// The annotation that says what is left of a column.
pub(super) const MASK: &str = "mask";

/// Before the name of every type.
pub(super) const NAMESPACE: &str = "Sluice";

/// The syntax trees of a statement, one for each principal and resource.
///
/// # Errors
///
/// Fails where a variable has no value, or one that would be no plain name.
pub(super) fn compile(statement: &Statement, scope: Scope<'_>) -> Result<Vec<Value>, Unresolved> {
    let conditions: Vec<Value> = statement
        .conditions
        .iter()
        .map(|found| condition(found, statement.effect, scope))
        .collect::<Result<_, _>>()?;
    let patterns = statement.patterns(scope)?;
    let mut trees = Vec::new();
    for who in &statement.principals {
        for pattern in &patterns {
            let (target, glob) = resource(pattern);
            let clauses: Vec<Value> = glob
                .iter()
                .chain(&conditions)
                .map(|body| json!({ "kind": "when", "body": body }))
                .collect();
            trees.push(json!({
                "effect": if statement.effect == Effect::Allow { "permit" } else { "forbid" },
                "principal": principal(who),
                "action": actions(&statement.actions_on(pattern)),
                "resource": target,
                "conditions": clauses,
                "annotations": annotations(statement),
            }));
        }
    }
    Ok(trees)
}

fn annotations(statement: &Statement) -> Value {
    let mut annotations = json!({ "id": statement.sid });
    if let (Some(mask), Some(map)) = (&statement.mask, annotations.as_object_mut()) {
        map.insert(MASK.to_owned(), json!(mask));
    }
    annotations
}

/// The syntax tree of a permit for anybody.
pub(super) fn declared(id: &str, allowed: &[Action], target: &Pattern) -> Value {
    let (target, _) = resource(target);
    json!({
        "effect": "permit",
        "principal": { "op": "All" },
        "action": actions(allowed),
        "resource": target,
        "conditions": [],
        "annotations": { "id": id },
    })
}

fn entity(ty: &str, id: &str) -> Value {
    json!({ "type": format!("{NAMESPACE}::{ty}"), "id": id })
}

fn principal(who: &Who) -> Value {
    let is = |ty: &str| json!({ "op": "is", "entity_type": format!("{NAMESPACE}::{ty}") });
    let within = |ty, name| json!({ "op": "in", "entity": entity(ty, name) });
    match who {
        Who::Any => json!({ "op": "All" }),
        Who::AnyUser => is("User"),
        Who::AnyRun => is("Run"),
        Who::User(name) => json!({ "op": "==", "entity": entity("User", name) }),
        Who::Group(name) => within("Group", name),
        Who::DynamicGroup(name) => within("DynamicGroup", name),
        Who::Application(name) => within("Application", name),
    }
}

fn actions(actions: &[Action]) -> Value {
    // Where it can be said without a list, the list is not built at every decision.
    if actions.len() == Action::ALL.len() {
        return json!({ "op": "All" });
    }
    if let [one] = actions {
        return json!({ "op": "==", "entity": entity("Action", one.as_str()) });
    }
    let entities: Vec<Value> = actions
        .iter()
        .map(|action| entity("Action", action.as_str()))
        .collect();
    json!({ "op": "in", "entities": entities })
}

/// The scope, and a clause where it does not say all.
fn resource(pattern: &Pattern) -> (Value, Option<Value>) {
    let all = json!({ "op": "All" });
    match pattern {
        // The actions leave only resources of the kind.
        Pattern::Any | Pattern::AnyOf(_) => (all, None),
        Pattern::One(kind, name) => {
            let ty = match kind {
                ResourceKind::Object => "Object",
                kind => entity_type(*kind),
            };
            (json!({ "op": "==", "entity": entity(ty, name) }), None)
        }
        Pattern::Within(folder) => {
            let ty = if folder.contains('/') {
                "Prefix"
            } else {
                "Bucket"
            };
            (json!({ "op": "in", "entity": entity(ty, folder) }), None)
        }
        Pattern::Glob(ResourceKind::Object, name) => {
            // A bucket is named, and narrows what is looked at.
            let bucket = name.split('/').next().unwrap_or_default();
            let scope = json!({ "op": "in", "entity": entity("Bucket", bucket) });
            (scope, Some(named_like(name)))
        }
        Pattern::Glob(_, name) => (all, Some(named_like(name))),
    }
}

fn named_like(name: &str) -> Value {
    like(
        &attribute(&variable("resource"), "name"),
        &[Chunk::Text(name.to_owned())],
    )
}

fn variable(name: &str) -> Value {
    json!({ "Var": name })
}

fn attribute(of: &Value, name: &str) -> Value {
    json!({ ".": { "left": of, "attr": name } })
}

fn binary(operator: &str, left: &Value, right: &Value) -> Value {
    json!({ operator: { "left": left, "right": right } })
}

fn not(argument: &Value) -> Value {
    json!({ "!": { "arg": argument } })
}

fn value(of: impl Into<Value>) -> Value {
    let of = of.into();
    json!({ "Value": of })
}

fn call(function: &str, argument: &str) -> Value {
    json!({ function: [value(argument)] })
}

/// A comparison with wildcards; what variables stood for is literal.
fn like(left: &Value, chunks: &[Chunk]) -> Value {
    let mut pattern: Vec<Value> = Vec::new();
    for chunk in chunks {
        match chunk {
            Chunk::Value(text) => pattern.push(json!({ "Literal": text })),
            Chunk::Text(text) => {
                for (at, part) in text.split('*').enumerate() {
                    if at > 0 {
                        pattern.push(json!("Wildcard"));
                    }
                    if !part.is_empty() {
                        pattern.push(json!({ "Literal": part }));
                    }
                }
            }
        }
    }
    json!({ "like": { "left": left, "pattern": pattern } })
}

/// One condition: whether the key is there, and what its value is.
///
/// A key that is missing fails every condition of an allow, and a positive one of a deny. A negated condition of a
/// deny holds: what cannot be shown to be excepted is denied.
fn condition(condition: &Condition, effect: Effect, scope: Scope<'_>) -> Result<Value, Unresolved> {
    let (there, found) = match condition.key.home {
        Home::Context(_) | Home::Of(_) => member("context", condition.key.attribute),
        Home::Principal => member("principal", condition.key.attribute),
        Home::Tag => {
            let principal = variable("principal");
            let tag = value(condition.tag());
            (
                binary("hasTag", &principal, &tag),
                binary("getTag", &principal, &tag),
            )
        }
    };
    if condition.operator.test == Test::Null {
        let missing = condition.values == [Literal::Bool(true)];
        return Ok(if missing { not(&there) } else { there });
    }
    let compared = compare(condition, &found, scope)?;
    let negated = condition.operator.negated;
    let holds = if negated { not(&compared) } else { compared };
    let missing_holds = condition.if_exists || negated && effect == Effect::Deny;
    Ok(if missing_holds {
        // The validator follows this, and no `||`.
        json!({ "if-then-else": { "if": there, "then": holds, "else": value(true) } })
    } else {
        binary("&&", &there, &holds)
    })
}

fn member(of: &str, name: &str) -> (Value, Value) {
    let of = variable(of);
    let there = json!({ "has": { "left": of, "attr": name } });
    (there, attribute(&of, name))
}

/// Whether any of the values compares.
fn compare(condition: &Condition, found: &Value, scope: Scope<'_>) -> Result<Value, Unresolved> {
    let one = |literal: &Literal| compare_one(condition, literal, found, scope);
    let each: Vec<Value> = condition.values.iter().map(one).collect::<Result<_, _>>()?;
    let joined = each
        .into_iter()
        .reduce(|left, right| binary("||", &left, &right));
    Ok(joined.unwrap_or_else(|| value(false)))
}

fn compare_one(
    condition: &Condition,
    literal: &Literal,
    found: &Value,
    scope: Scope<'_>,
) -> Result<Value, Unresolved> {
    let test = condition.operator.test;
    let right = match (literal, condition.key.ty) {
        (Literal::Number(number), _) => value(*number),
        (Literal::Bool(truth), _) => value(*truth),
        (Literal::Text(text), KeyType::Date) => call("datetime", text),
        (Literal::Text(text), KeyType::Address) => call("ip", text),
        (Literal::Text(text), _) => {
            let chunks = scope.expand(text)?;
            if test == Test::Like {
                return Ok(like(found, &chunks));
            }
            let whole: String = chunks
                .into_iter()
                .map(|chunk| match chunk {
                    Chunk::Text(text) | Chunk::Value(text) => text,
                })
                .collect();
            value(whole)
        }
    };
    Ok(match test {
        Test::Less => binary("<", found, &right),
        Test::LessEqual => binary("<=", found, &right),
        Test::Greater => binary(">", found, &right),
        Test::GreaterEqual => binary(">=", found, &right),
        Test::InRange => json!({ "isInRange": [found, right] }),
        Test::Equal | Test::Like | Test::Null => binary("==", found, &right),
    })
}
