//! What is needed, as far as it can be known beforehand.

use std::collections::BTreeMap;

use super::Layer;
use super::compile::declared;
use super::file::{Body, Placed, PolicyFile, Syntax};
use super::request::{Context, Request};
use super::resource::{Pattern, Resource};
use super::vocabulary::{Action, ResourceKind};
use crate::error::Result;

/// An action that will be wanted, and on what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// What is done.
    pub action: Action,
    /// What it is done to; where [`within`](Self::within) says so, a folder, of which only what is in it is meant.
    pub resource: Resource,
    /// Whether all that is in the folder may be acted on, however deep; which objects that will be is not known.
    pub within: bool,
    /// What will be known of the request, as far as it is known now.
    pub context: Context,
    /// Whether it may turn out that it is not needed.
    pub optional: bool,
    /// What wants it, such as `input sales`.
    pub why: String,
}

impl Need {
    /// An action on one resource.
    #[must_use]
    pub fn one(action: Action, resource: Resource, why: &str) -> Self {
        Self {
            action,
            resource,
            within: false,
            context: Context::default(),
            optional: false,
            why: why.to_owned(),
        }
    }

    /// An action on whatever is in a folder.
    #[must_use]
    pub fn within(action: Action, folder: Resource, why: &str) -> Self {
        Self {
            within: true,
            ..Self::one(action, folder, why)
        }
    }

    /// A request that stands for it: of objects in a folder, one of a name that no other statement can mean.
    ///
    /// # Errors
    ///
    /// Fails where the folder is so deep, or its name so long, that nothing in it can be decided about.
    pub fn request(&self) -> Result<Request> {
        let resource = if self.within && !self.action.takes_folder() {
            self.resource.inside("*")?
        } else {
            self.resource.clone()
        };
        Request::on(self.action, resource, self.context.clone())
    }

    /// The resource as statements name it.
    #[must_use]
    pub fn pattern(&self) -> String {
        let resource = self.resource.to_string();
        if self.resource.kind() == ResourceKind::Object && self.resource.folder {
            format!("{}/*", resource.strip_suffix('/').unwrap_or(&resource))
        } else {
            resource
        }
    }

    fn target(&self) -> Pattern {
        let name = self.resource.name.clone();
        if self.resource.folder {
            Pattern::Within(name)
        } else {
            Pattern::One(self.resource.kind, name)
        }
    }
}

impl PolicyFile {
    /// The layer of an application that declares these needs: a statement for each reason and resource.
    #[must_use]
    pub fn declared(origin: &str, needs: &[Need]) -> Self {
        let mut statements: BTreeMap<(&str, Pattern), Vec<Action>> = BTreeMap::new();
        for need in needs {
            let actions = statements.entry((&need.why, need.target())).or_default();
            if !actions.contains(&need.action) {
                actions.push(need.action);
            }
        }
        let statements = statements
            .into_iter()
            .map(|((why, target), actions)| Placed {
                sid: why.to_owned(),
                place: origin.to_owned(),
                body: Body::Cedar(declared(why, &actions, &target)),
            });
        Self {
            syntax: Syntax::Cedar,
            layer: Layer::Application,
            groups: BTreeMap::new(),
            dynamic_groups: BTreeMap::new(),
            statements: statements.collect(),
        }
    }

    /// The layer of identities where nobody wrote one: everybody may do everything that other layers permit.
    #[must_use]
    pub fn unwritten(origin: &str) -> Self {
        Self {
            layer: Layer::Identity,
            statements: vec![Placed {
                sid: "no policies are given".to_owned(),
                place: origin.to_owned(),
                body: Body::Cedar(declared("none", Action::ALL, &Pattern::Any)),
            }],
            ..Self::declared(origin, &[])
        }
    }
}
