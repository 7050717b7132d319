use super::*;
use crate::error::ErrorKind;

#[tokio::test]
async fn a_panic_becomes_an_internal_error_and_the_pool_lives_on() {
    let workers = Workers::new(1).unwrap();
    let error = workers
        .run(|| -> Result<()> { panic!("broken invariant") })
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
    assert!(error.to_string().contains("broken invariant"), "{error}");
    assert_eq!(workers.run(|| Ok(7)).await.unwrap(), 7);
}

#[tokio::test]
async fn jobs_run_beside_each_other() {
    let workers = Workers::new(2).unwrap();
    let barrier = std::sync::Arc::new(std::sync::Barrier::new(2));
    let meet = |barrier: std::sync::Arc<std::sync::Barrier>| move || Ok(barrier.wait().is_leader());
    let (a, b) = tokio::join!(
        workers.run(meet(std::sync::Arc::clone(&barrier))),
        workers.run(meet(barrier))
    );
    assert!(a.unwrap() != b.unwrap(), "exactly one leads");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_runs_its_jobs_itself_and_others_leave_them_to_the_pool() {
    let workers = std::sync::Arc::new(Workers::new(1).unwrap());
    let name = || Ok(std::thread::current().name().map(str::to_owned));
    assert_eq!(workers.run_near(name).await.unwrap().unwrap(), "compute-0");
    let lanes = Lanes::new(1).unwrap();
    let there = std::sync::Arc::clone(&workers);
    let named = lanes.drive(async move { there.run_near(name).await });
    assert_eq!(named.await.unwrap().unwrap(), "lane-0");
    let there = std::sync::Arc::clone(&workers);
    let named = lanes.drive(async move { there.run(name).await });
    assert_eq!(named.await.unwrap().unwrap(), "compute-0");
    lanes.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_waits_for_any_more_ends_and_leaves_nothing() {
    let lanes = Lanes::new(2).unwrap();
    let held = std::sync::Arc::new(());
    let (started, begun) = oneshot::channel();
    let (kept, panicking) = (std::sync::Arc::clone(&held), std::sync::Arc::clone(&held));
    let endless = lanes.drive(async move {
        started.send(()).unwrap();
        std::future::pending::<()>().await;
        drop(kept);
        Ok(())
    });
    let panicked = lanes.drive(async move {
        let count = std::sync::Arc::strong_count(&panicking);
        futures::future::lazy(|_| -> Result<()> { panic!("broken invariant: {count}") }).await
    });
    begun.await.unwrap();
    drop(endless);
    let error = panicked.await.unwrap_err();
    assert!(error.to_string().contains("broken invariant"), "{error}");
    lanes.end().await;
    assert_eq!(std::sync::Arc::strong_count(&held), 1);
}
