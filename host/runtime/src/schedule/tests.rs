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
