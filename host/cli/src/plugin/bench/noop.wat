;; A transform that reads every column, does nothing with it, and emits every row: what a batch costs at least.
(module
  (import "sluicegate:transform/input@0.1.0" "read" (func $read (param i32 i32 i32)))
  (import "sluicegate:transform/output@0.1.0" "emit" (func $emit (param i32 i32 i32 i32 i32)))
  (memory (export "memory") 1)
  ;; The first kilobyte: 16 zero bytes at 32 are the result "ok", what `read` returns is at 48, the plan at 64.
  (global $heap (mut i32) (i32.const 1024))
  ;; Where the heap begins after `bind`; all above it is free again at the next batch.
  (global $base (mut i32) (i32.const 1024))
  (global $reads (mut i32) (i32.const 0))
  (global $columns (mut i32) (i32.const 0))

  (func $allocate (export "cabi_realloc") (param $old i32) (param $size i32) (param $align i32) (param $new i32)
    (result i32)
    (local $at i32) (local $pages i32)
    (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 15)) (i32.const -16)))
    (global.set $heap (i32.add (local.get $at) (local.get $new)))
    (local.set $pages
      (i32.sub (i32.add (i32.shr_u (global.get $heap) (i32.const 16)) (i32.const 1)) (memory.size)))
    (if (i32.gt_s (local.get $pages) (i32.const 0))
      (then (if (i32.eq (memory.grow (local.get $pages)) (i32.const -1)) (then unreachable))))
    (local.get $at))

  (func $fresh (param $size i32) (result i32)
    (call $allocate (i32.const 0) (i32.const 0) (i32.const 4) (local.get $size)))

  ;; A field has 32 bytes, the number of its children at 20; children follow their parent.
  (func $count (param $field i32) (param $fields i32) (result i32)
    (local $columns i32) (local $pending i32)
    (loop $next
      (if (local.get $fields)
        (then
          (if (local.get $pending)
            (then (local.set $pending (i32.sub (local.get $pending) (i32.const 1))))
            (else (local.set $columns (i32.add (local.get $columns) (i32.const 1)))))
          (local.set $pending (i32.add (local.get $pending) (i32.load offset=20 (local.get $field))))
          (local.set $field (i32.add (local.get $field) (i32.const 32)))
          (local.set $fields (i32.sub (local.get $fields) (i32.const 1)))
          (br $next))))
    (local.get $columns))

  ;; Reads column i, and passes column i, for every i.
  (func (export "sluicegate:transform/transform@0.1.0#bind")
    (param $schema i32) (param $fields i32) (param $params i32) (param $bytes i32) (result i32)
    (local $i i32) (local $output i32)
    (global.set $columns (call $count (local.get $schema) (local.get $fields)))
    (global.set $reads (call $fresh (i32.mul (global.get $columns) (i32.const 4))))
    (local.set $output (call $fresh (i32.mul (global.get $columns) (i32.const 12))))
    (loop $next
      (if (i32.lt_u (local.get $i) (global.get $columns))
        (then
          (i32.store (i32.add (global.get $reads) (i32.mul (local.get $i) (i32.const 4))) (local.get $i))
          ;; The case `pass` is number 0.
          (i32.store (i32.add (local.get $output) (i32.mul (local.get $i) (i32.const 12))) (i32.const 0))
          (i32.store offset=4 (i32.add (local.get $output) (i32.mul (local.get $i) (i32.const 12))) (local.get $i))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br $next))))
    (global.set $base (global.get $heap))
    (i32.store offset=4 (i32.const 64) (global.get $reads))
    (i32.store offset=8 (i32.const 64) (global.get $columns))
    (i32.store offset=12 (i32.const 64) (local.get $output))
    (i32.store offset=16 (i32.const 64) (global.get $columns))
    (i32.store offset=20 (i32.const 64) (i32.const 1))
    (i32.const 64))

  (func (export "sluicegate:transform/transform@0.1.0#process") (result i32)
    (global.set $heap (global.get $base))
    (call $read (global.get $reads) (global.get $columns) (i32.const 48))
    (call $emit (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 32))

  (func (export "sluicegate:transform/transform@0.1.0#finish") (result i32)
    (i32.const 32)))
