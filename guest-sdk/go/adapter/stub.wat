;; What Go's runtime imports of WASI preview 1, answered within the component, which so imports the contract alone.
;;
;; A call to the real WASI could come from cabi_realloc, where a component must not leave itself; none of these
;; leaves it but fd_write, which makes log messages of what is printed: standard output at level info, standard
;; error, where the runtime says why it ends, at level warn. The clock stands still but in a sleep, which ends at once.
;; Random numbers are the same in every run.
(module
  (import "sluicegate:transform/log@0.1.0" "write" (func $log (param i32 i32 i32)))
  (import "env" "memory" (memory 0))
  (global $now (mut i64) (i64.const 1)) ;; not zero, which the runtime refuses
  (global $random (mut i64) (i64.const 0x9E3779B97F4A7C15))
  ;; Where a line is collected, as the runtime prints in small pieces: the guest gives the memory.
  (global $line (mut i32) (i32.const 0))
  (global $room (mut i32) (i32.const 0))
  (global $length (mut i32) (i32.const 0))

  (func (export "sluice_line") (param $at i32) (param $size i32)
    (global.set $line (local.get $at))
    (global.set $room (local.get $size)))

  (func $flush (param $level i32)
    (if (global.get $length)
      (then (call $log (local.get $level) (global.get $line) (global.get $length))))
    (global.set $length (i32.const 0)))

  ;; Adds a byte; a full line and a line feed end a message.
  (func $put (param $level i32) (param $byte i32)
    (if (i32.eq (local.get $byte) (i32.const 10))
      (then (call $flush (local.get $level)) (return)))
    (if (i32.ge_u (global.get $length) (global.get $room))
      (then (call $flush (local.get $level))))
    (if (i32.eqz (global.get $room)) (then (return)))
    ;; A byte beyond ASCII could be cut in two by a full line, and the host insists on UTF-8.
    (if (i32.gt_u (local.get $byte) (i32.const 126))
      (then (local.set $byte (i32.const 63))))
    (i32.store8 (i32.add (global.get $line) (global.get $length)) (local.get $byte))
    (global.set $length (i32.add (global.get $length) (i32.const 1))))

  (func (export "fd_write") (param $fd i32) (param $list i32) (param $n i32) (param $written i32) (result i32)
    (local $at i32) (local $end i32) (local $total i32) (local $level i32)
    (local.set $level (i32.add (i32.const 1) (local.get $fd))) ;; 1 is info, 2, and 2 is warn, 3
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $n)))
        (local.set $at (i32.load (local.get $list)))
        (local.set $end (i32.add (local.get $at) (i32.load offset=4 (local.get $list))))
        (local.set $total (i32.add (local.get $total) (i32.load offset=4 (local.get $list))))
        (block $written
          (loop $bytes
            (br_if $written (i32.ge_u (local.get $at) (local.get $end)))
            (call $put (local.get $level) (i32.load8_u (local.get $at)))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (br $bytes)))
        (local.set $list (i32.add (local.get $list) (i32.const 8)))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br $next)))
    (i32.store (local.get $written) (local.get $total))
    (i32.const 0))

  (func (export "proc_exit") (param i32)
    (call $flush (i32.const 3))
    unreachable)

  (func (export "clock_time_get") (param i32 i64 i32) (result i32)
    (i64.store (local.get 2) (global.get $now))
    (i32.const 0))

  ;; Reports the first subscription as fired; a clock moves on to its time.
  (func (export "poll_oneoff") (param $in i32) (param $out i32) (param i32) (param $events i32) (result i32)
    (if (i32.eqz (i32.load8_u offset=8 (local.get $in)))
      (then (global.set $now (i64.add
        (i64.load offset=24 (local.get $in))
        (select (i64.const 0) (global.get $now) (i32.and (i32.load16_u offset=40 (local.get $in)) (i32.const 1)))))))
    (i64.store (local.get $out) (i64.load (local.get $in)))
    (i64.store offset=8 (local.get $out) (i64.const 0))
    (i32.store8 offset=10 (local.get $out) (i32.load8_u offset=8 (local.get $in)))
    (i32.store (local.get $events) (i32.const 1))
    (i32.const 0))

  (func (export "random_get") (param $at i32) (param $n i32) (result i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $n)))
        (global.set $random (i64.xor (global.get $random) (i64.shl (global.get $random) (i64.const 13))))
        (global.set $random (i64.xor (global.get $random) (i64.shr_u (global.get $random) (i64.const 7))))
        (global.set $random (i64.xor (global.get $random) (i64.shl (global.get $random) (i64.const 17))))
        (i64.store8 (local.get $at) (global.get $random))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br $next)))
    (i32.const 0))

  ;; No arguments and no environment.
  (func $none (param i32 i32) (result i32)
    (i32.store (local.get 0) (i32.const 0))
    (i32.store (local.get 1) (i32.const 0))
    (i32.const 0))
  (export "args_sizes_get" (func $none))
  (export "environ_sizes_get" (func $none))
  (func $nothing (param i32 i32) (result i32) (i32.const 0))
  (export "args_get" (func $nothing))
  (export "environ_get" (func $nothing))

  ;; No files: 8 is "bad file descriptor". The three standard ones are character devices, 2.
  (func (export "fd_fdstat_get") (param i32 i32) (result i32)
    (if (i32.gt_u (local.get 0) (i32.const 2)) (then (return (i32.const 8))))
    (i64.store (local.get 1) (i64.const 2))
    (i64.store offset=8 (local.get 1) (i64.const 0))
    (i64.store offset=16 (local.get 1) (i64.const 0))
    (i32.const 0))
  (func (export "fd_fdstat_set_flags") (param i32 i32) (result i32) (i32.const 0))
  (func (export "fd_prestat_get") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_prestat_dir_name") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "fd_filestat_get") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_close") (param i32) (result i32) (i32.const 0))
  (func (export "fd_seek") (param i32 i64 i32 i32) (result i32) (i32.const 8))
  (func (export "fd_pread") (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_pwrite") (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_readdir") (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_sync") (param i32) (result i32) (i32.const 8))
  (func (export "path_open") (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32) (i32.const 8))
  (func (export "path_filestat_get") (param i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "fd_read") (param i32 i32 i32 i32) (result i32)
    (i32.store (local.get 3) (i32.const 0))
    (i32.const 0))
  (func (export "sched_yield") (result i32) (i32.const 0)))
