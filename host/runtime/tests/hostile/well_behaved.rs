//! What a guest that keeps the rules gets.

use std::sync::atomic::Ordering;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;

use crate::guest::add_one;
use crate::host::{Host, batch, sandbox};

#[test]
fn a_batch_goes_in_and_comes_out() {
    for vectors in [false, true] {
        let host = Host::default();
        let plugin = sandbox().load(&add_one(2, vectors).bytes()).unwrap();
        let mut bound = host.bind(&plugin).unwrap();
        for _ in 0..3 {
            let (next, produced) = bound.process(batch(2, 16)).unwrap();
            bound = next;
            let [emitted] = produced.batches.as_slice() else {
                panic!("{produced:?}")
            };
            assert_eq!(emitted.rows, 16);
            let second = emitted.computed[1].as_primitive::<Int64Type>();
            assert_eq!(second.values()[..3], [1001, 1002, 1003]);
        }
        assert_eq!(
            bound.memory_bytes(),
            host.memory.used.load(Ordering::SeqCst)
        );
        assert!(bound.finish().unwrap().batches.is_empty());
        assert_eq!(host.memory.used.load(Ordering::SeqCst), 0);
    }
}
