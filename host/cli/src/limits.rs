//! One flag for each limit: `--limit-guest-memory 64MiB` sets `guest_memory`.

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use sluicegate::error::Error;
use sluicegate::limits::Limits;
use sluicegate::spec;

/// The limits that the command line sets, as written.
#[derive(Clone, Debug, Default)]
pub(crate) struct LimitFlags(Vec<(&'static str, String)>);

impl LimitFlags {
    /// Overrides what the application file says.
    pub(crate) fn apply(&self, limits: &mut Limits) -> Result<(), Error> {
        self.0
            .iter()
            .try_for_each(|(name, text)| spec::set_limit(limits, name, text))
    }
}

fn flag(name: &str) -> String {
    format!("limit-{}", name.replace('_', "-"))
}

impl Args for LimitFlags {
    fn augment_args(command: Command) -> Command {
        spec::limit_names()
            .into_iter()
            .fold(command, |command, name| {
                command.arg(
                    Arg::new(name)
                        .long(flag(name))
                        .value_name("VALUE")
                        .help_heading(
                            "Limits, such as 512MiB, 10m or 1000; in place of the application's",
                        )
                        .help(""),
                )
            })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for LimitFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for name in spec::limit_names() {
            if let Some(text) = matches.get_one::<String>(name) {
                self.0.push((name, text.clone()));
            }
        }
        Ok(())
    }
}
