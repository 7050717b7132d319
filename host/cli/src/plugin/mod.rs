//! `sluice plugin`: what authors and operators do with plugins.

pub(crate) mod build;
pub(crate) mod compile;
pub(crate) mod inspect;
pub(crate) mod wrap;

/// Builds and inspects plugins
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Task {
    Build(build::Arguments),
    #[command(hide = true)]
    Compile(compile::Arguments),
    Wrap(wrap::Arguments),
    Inspect(inspect::Arguments),
}
