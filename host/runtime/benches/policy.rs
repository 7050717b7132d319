//! What a decision costs, warm, and what a snapshot costs.

#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use sluicegate::policy::{
    Action, Context, Layer, Policies, PolicyFile, Principal, Request, RunIdentity, Syntax,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// As many statements as told, each about a folder of its own, but for one in fifty, which is about all objects.
fn statements(count: usize) -> String {
    let mut text = String::new();
    for at in 0..count {
        let resource = if at % 50 == 0 {
            "object:*".to_owned()
        } else {
            format!("s3://raw/folder-{at}/*")
        };
        write!(
            text,
            "[[statement]]\neffect = \"allow\"\nprincipal = \"any-run\"\naction = [\"object:get\", \"object:list\"]\n\
             resource = \"{resource}\"\ncondition = {{ NumericLessThan = {{ \"object:size\" = {at} }} }}\n"
        )
        .unwrap();
    }
    text
}

fn policies(count: usize) -> Policies {
    let text = statements(count);
    let bound = "[[statement]]\neffect = \"allow\"\naction = \"*\"\nresource = \"*\"\n";
    let file = |text, layer| PolicyFile::parse(text, "p.toml", Syntax::Toml, Some(layer)).unwrap();
    Policies::new(vec![
        file(&text, Layer::Identity),
        file(bound, Layer::Application),
        file(bound, Layer::Session),
    ])
}

fn decide(criterion: &mut Criterion) {
    let run = Principal::run(RunIdentity {
        id: "r-1".to_owned(),
        application: "sales-etl".to_owned(),
        ..RunIdentity::default()
    });
    let run = run.unwrap();
    let action = Action::ObjectGet;
    let context = Context::default().with(action, "object:size", "0").unwrap();
    let request = Request::new(
        action,
        "s3://raw/folder-51/date=2026-11-22/part-0.parquet",
        context,
    );
    let request = request.unwrap();
    for count in [100, 10_000] {
        let policies = policies(count);
        let snapshot = policies.snapshot(&run).unwrap();
        assert!(snapshot.decide(&request).allowed);
        criterion.bench_function(&format!("decide/{count} statements"), |bencher| {
            bencher.iter(|| black_box(snapshot.decide(black_box(&request))));
        });
    }
    let text = statements(100);
    criterion.bench_function("read/100 statements", |bencher| {
        bencher.iter(|| PolicyFile::parse(black_box(&text), "p.toml", Syntax::Toml, None).unwrap());
    });
    let policies = policies(100);
    criterion.bench_function("snapshot/100 statements", |bencher| {
        bencher.iter(|| policies.snapshot(black_box(&run)).unwrap());
    });
}

criterion_group!(benches, decide);
criterion_main!(benches);
