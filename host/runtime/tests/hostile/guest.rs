//! Writes components of the world `transformer` by hand, in the text format, so that they can do what no
//! toolchain would let them.

use std::fmt::Write as _;

/// Where a call's result "ok" lies: 16 zero bytes.
pub(crate) const OK: &str = "(i32.const 16)";
/// Where the result of `bind` lies.
const PLAN: u32 = 1024;
/// Memory that the guests below use as they like, up to the heap.
pub(crate) const SCRATCH: u32 = 8192;
/// Where the heap begins.
pub(crate) const HEAP: u32 = 65536;

/// A column of the plan's output.
#[derive(Clone, Debug)]
pub(crate) enum Output {
    Pass(u32),
    /// Name and format, nullable.
    Computed(&'static str, &'static str),
}

/// A guest; each text is the body of a core function.
#[derive(Clone, Debug)]
pub(crate) struct Guest {
    /// The version of the contract that it is built for.
    pub(crate) version: &'static str,
    pub(crate) reads: Vec<u32>,
    pub(crate) output: Vec<Output>,
    pub(crate) stateless: bool,
    /// Pages of memory to begin with.
    pub(crate) pages: u32,
    /// The body of `cabi_realloc`, with the parameters `$old $size $align $new`.
    pub(crate) realloc: String,
    /// The body of `bind`, which returns the address of its result.
    pub(crate) bind: String,
    pub(crate) process: String,
    pub(crate) finish: String,
    /// The body of the function that is called after each return.
    pub(crate) post_return: String,
    /// The body of the start function.
    pub(crate) start: String,
    /// More core functions, globals, tables and data.
    pub(crate) items: String,
    /// More imports of the component, in its own text.
    pub(crate) imports: String,
    /// Their lowered functions.
    pub(crate) lower: String,
    /// The same for the core module, as `(export "name" (func $name))`.
    pub(crate) lowered: String,
    /// Their core imports.
    pub(crate) core_imports: String,
}

impl Default for Guest {
    fn default() -> Self {
        Self {
            version: "0.1.0",
            reads: vec![0, 1],
            output: vec![Output::Computed("a", "l"), Output::Computed("b", "l")],
            stateless: true,
            pages: 16,
            realloc: BUMP.to_owned(),
            bind: format!("(i32.const {PLAN})"),
            process: OK.to_owned(),
            finish: OK.to_owned(),
            post_return: String::new(),
            start: String::new(),
            items: String::new(),
            imports: String::new(),
            lower: String::new(),
            lowered: String::new(),
            core_imports: String::new(),
        }
    }
}

/// Allocates upwards and never frees; `process` may set `$heap` back.
const BUMP: &str = r"
  (local $at i32)
  (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 15)) (i32.const -16)))
  (global.set $heap (i32.add (local.get $at) (local.get $new)))
  (if (i32.gt_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536)))
    (then (if (i32.eq (memory.grow (i32.add (i32.div_u (local.get $new) (i32.const 65536)) (i32.const 1))) (i32.const -1))
      (then unreachable))))
  (local.get $at)";

/// The interfaces of the contract, as a component imports them.
const INTERFACES: &str = r#"
  (type $columns-type (instance
    (type $f (record (field "name" string) (field "format" string) (field "nullable" bool)
      (field "dictionary" bool) (field "children" u32) (field "metadata" (list (tuple string string)))))
    (export "field" (type (eq $f)))
    (type $a (record (field "length" u32) (field "null-count" u32) (field "buffers" (list (list u8)))))
    (export "array" (type $ae (eq $a)))
    (type $c (record (field "arrays" (list $ae))))
    (export "column" (type (eq $c)))))
  (import "sluicegate:transform/columns@VERSION" (instance $columns (type $columns-type)))
  (alias export $columns "column" (type $column))
  (alias export $columns "field" (type $field))
  (type $input-type (instance
    (alias outer 1 $column (type $o))
    (export "column" (type $c (eq $o)))
    (export "rows" (func (result u32)))
    (export "read" (func (param "indices" (list u32)) (result (list $c))))))
  (import "sluicegate:transform/input@VERSION" (instance $input (type $input-type)))
  (type $output-type (instance
    (alias outer 1 $column (type $o))
    (export "column" (type $c (eq $o)))
    (type $s (variant (case "all") (case "filter" (list u8)) (case "take" (list u8))))
    (export "selection" (type $se (eq $s)))
    (type $r (record (field "row" u32) (field "reason" string)))
    (export "rejection" (type $re (eq $r)))
    (export "emit" (func (param "rows" $se) (param "computed" (list $c))))
    (export "reject" (func (param "rows" (list $re))))))
  (import "sluicegate:transform/output@VERSION" (instance $output (type $output-type)))
  (type $log-type (instance
    (type $l (enum "trace" "debug" "info" "warn" "error"))
    (export "level" (type $le (eq $l)))
    (export "write" (func (param "level" $le) (param "message" string)))))
  (import "sluicegate:transform/log@VERSION" (instance $log (type $log-type)))
"#;

/// What joins the core module to the interfaces.
const LOWERED: &str = r#"
  (core func $rows (canon lower (func $input "rows")))
  (core func $read (canon lower (func $input "read") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core func $emit (canon lower (func $output "emit") (memory (core memory $libc "memory"))))
  (core func $reject (canon lower (func $output "reject") (memory (core memory $libc "memory"))))
  (core func $log (canon lower (func $log "write") (memory (core memory $libc "memory"))))
"#;

/// What a transform exports; types that are used in an export need a name there, hence the component.
const EXPORTS: &str = r#"
  (type $fault (variant (case "invalid" string) (case "data" string) (case "transient" string)))
  (type $output-field (variant (case "pass" u32) (case "computed" (list $field))))
  (type $plan (record (field "reads" (list u32)) (field "output" (list $output-field)) (field "stateless" bool)))
  (type $bind-type (func (param "schema" (list $field)) (param "params" string) (result (result $plan (error $fault)))))
  (type $run-type (func (result (result (error $fault)))))
  (func $bind (type $bind-type) (canon lift (core func $main "bind")
    (memory (core memory $libc "memory")) (realloc (core func $libc "realloc")) (post-return (core func $main "post"))))
  (func $process (type $run-type) (canon lift (core func $main "process")
    (memory (core memory $libc "memory")) (realloc (core func $libc "realloc")) (post-return (core func $main "post"))))
  (func $finish (type $run-type) (canon lift (core func $main "finish")
    (memory (core memory $libc "memory")) (realloc (core func $libc "realloc")) (post-return (core func $main "post"))))
  (component $exports
    (type $f0 (record (field "name" string) (field "format" string) (field "nullable" bool)
      (field "dictionary" bool) (field "children" u32) (field "metadata" (list (tuple string string)))))
    (import "field" (type $f (eq $f0)))
    (type $fault0 (variant (case "invalid" string) (case "data" string) (case "transient" string)))
    (import "fault" (type $fault (eq $fault0)))
    (type $o0 (variant (case "pass" u32) (case "computed" (list $f))))
    (import "output-field" (type $o (eq $o0)))
    (type $p0 (record (field "reads" (list u32)) (field "output" (list $o)) (field "stateless" bool)))
    (import "plan" (type $p (eq $p0)))
    (import "bind" (func $bind (param "schema" (list $f)) (param "params" string) (result (result $p (error $fault)))))
    (import "process" (func $process (result (result (error $fault)))))
    (import "finish" (func $finish (result (result (error $fault)))))
    (export $fe "field" (type $f0))
    (export $faulte "fault" (type $fault0))
    (type $o1 (variant (case "pass" u32) (case "computed" (list $fe))))
    (export $oe "output-field" (type $o1))
    (type $p1 (record (field "reads" (list u32)) (field "output" (list $oe)) (field "stateless" bool)))
    (export $pe "plan" (type $p1))
    (export "bind" (func $bind)
      (func (param "schema" (list $fe)) (param "params" string) (result (result $pe (error $faulte)))))
    (export "process" (func $process) (func (result (result (error $faulte)))))
    (export "finish" (func $finish) (func (result (result (error $faulte))))))
  (instance $transform (instantiate $exports
    (with "field" (type $field)) (with "fault" (type $fault))
    (with "output-field" (type $output-field)) (with "plan" (type $plan))
    (with "bind" (func $bind)) (with "process" (func $process)) (with "finish" (func $finish))))
  (export "sluicegate:transform/transform@VERSION" (instance $transform))
"#;

impl Guest {
    /// The component in text form.
    pub(crate) fn text(&self) -> String {
        let Self {
            pages,
            realloc,
            imports,
            lower,
            lowered,
            ..
        } = self;
        let main = self.main();
        format!(
            r#"(component {INTERFACES} {imports}
  (core module $libc-module
    (memory (export "memory") {pages})
    (global $heap (export "heap") (mut i32) (i32.const {HEAP}))
    (func (export "realloc") (param $old i32) (param $size i32) (param $align i32) (param $new i32)
      (result i32) {realloc}))
  (core instance $libc (instantiate $libc-module))
  {LOWERED} {lower}
  {main}
  (core instance $main (instantiate $main-module
    (with "libc" (instance $libc))
    (with "host" (instance
      (export "rows" (func $rows)) (export "read" (func $read)) (export "emit" (func $emit))
      (export "reject" (func $reject)) (export "log" (func $log)) {lowered}))))
  {EXPORTS})"#
        )
        .replace("VERSION", self.version)
    }

    /// The component as bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let text = self.text();
        wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}"))
    }

    fn main(&self) -> String {
        let Self {
            bind,
            process,
            finish,
            post_return,
            start,
            items,
            core_imports,
            ..
        } = self;
        let plan = self.plan();
        format!(
            r#"(core module $main-module
    (import "libc" "memory" (memory 1))
    (import "libc" "heap" (global $heap (mut i32)))
    (import "host" "rows" (func $rows (result i32)))
    (import "host" "read" (func $read (param i32 i32 i32)))
    (import "host" "emit" (func $emit (param i32 i32 i32 i32 i32)))
    (import "host" "reject" (func $reject (param i32 i32)))
    (import "host" "log" (func $log (param i32 i32 i32)))
    {core_imports}
    {items}
    (func (export "bind") (param i32 i32 i32 i32) (result i32) {bind})
    (func $process (export "process") (result i32) {process})
    (func (export "finish") (result i32) {finish})
    (func (export "post") (param i32) {post_return})
    (func $start {start})
    (start $start)
    (data (i32.const {PLAN}) "{plan}"))"#
        )
    }

    /// The result of `bind`, as the canonical ABI lays it out.
    fn plan(&self) -> String {
        let mut after = Vec::new();
        let place = |after: &mut Vec<u8>, bytes: &[u8]| {
            after.resize(after.len().next_multiple_of(4), 0);
            let at = PLAN + 24 + u32::try_from(after.len()).unwrap();
            after.extend_from_slice(bytes);
            at
        };
        let words = |words: &[u32]| {
            words
                .iter()
                .flat_map(|word| word.to_le_bytes())
                .collect::<Vec<_>>()
        };
        let length = |count: usize| u32::try_from(count).unwrap();
        let reads = place(&mut after, &words(&self.reads));
        let mut columns = Vec::new();
        for column in &self.output {
            columns.extend(match column {
                Output::Pass(index) => words(&[0, *index, 0]),
                Output::Computed(name, format) => {
                    let name_at = place(&mut after, name.as_bytes());
                    let format_at = place(&mut after, format.as_bytes());
                    let flags = 1; // nullable, no dictionary
                    let field = [
                        name_at,
                        length(name.len()),
                        format_at,
                        length(format.len()),
                        flags,
                        0,
                        0,
                        0,
                    ];
                    let field = place(&mut after, &words(&field));
                    words(&[1, field, 1])
                }
            });
        }
        let output = place(&mut after, &columns);
        let head = [
            0,
            reads,
            length(self.reads.len()),
            output,
            length(self.output.len()),
        ];
        let mut bytes = words(&head);
        bytes.extend_from_slice(&u32::from(self.stateless).to_le_bytes());
        bytes.extend_from_slice(&after);
        escaped(&bytes)
    }
}

/// Bytes as a string of the text format.
pub(crate) fn escaped(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "\\{byte:02x}").unwrap();
        text
    })
}

/// Words as a string of the text format.
pub(crate) fn words(words: &[u32]) -> String {
    escaped(
        &words
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect::<Vec<_>>(),
    )
}

/// Reads `columns` columns of `i64`, adds one to each value, one by one or with `v128`, and emits them.
pub(crate) fn add_one(columns: u32, vectors: bool) -> Guest {
    let indices = words(&(0..columns).collect::<Vec<_>>());
    let body = if vectors {
        "(v128.store (local.get $at) (i64x2.add (v128.load (local.get $at)) (v128.const i64x2 1 1)))
         (v128.store offset=16 (local.get $at) (i64x2.add (v128.load offset=16 (local.get $at)) (v128.const i64x2 1 1)))
         (v128.store offset=32 (local.get $at) (i64x2.add (v128.load offset=32 (local.get $at)) (v128.const i64x2 1 1)))
         (v128.store offset=48 (local.get $at) (i64x2.add (v128.load offset=48 (local.get $at)) (v128.const i64x2 1 1)))
         (local.set $at (i32.add (local.get $at) (i32.const 64)))"
    } else {
        "(i64.store (local.get $at) (i64.add (i64.load (local.get $at)) (i64.const 1)))
         (local.set $at (i32.add (local.get $at) (i32.const 8)))"
    };
    let names = ["a", "b", "c", "d"];
    Guest {
        reads: (0..columns).collect(),
        output: names.iter().take(columns as usize).map(|name| Output::Computed(name, "l")).collect(),
        items: format!(
            "(data (i32.const {SCRATCH}) \"{indices}\")
             (func $add (param $at i32) (param $end i32)
               (block $done (loop $next
                 (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
                 {body}
                 (br $next))))
             ;; The values of column $c of the list at 128: its first array, the second buffer.
             (func $buffer (param $c i32) (result i32)
               (i32.add (i32.const 8) (i32.load offset=8
                 (i32.load (i32.add (i32.load (i32.const 128)) (i32.shl (local.get $c) (i32.const 3)))))))"
        ),
        process: format!(
            "(local $c i32)
             (global.set $heap (i32.const {HEAP}))
             (call $read (i32.const {SCRATCH}) (i32.const {columns}) (i32.const 128))
             (loop $next
               (call $add (i32.load (call $buffer (local.get $c)))
                 (i32.add (i32.load (call $buffer (local.get $c)))
                   (i32.load offset=4 (call $buffer (local.get $c)))))
               (br_if $next (i32.lt_u (local.tee $c (i32.add (local.get $c) (i32.const 1))) (i32.const {columns}))))
             (call $emit (i32.const 0) (i32.const 0) (i32.const 0) (i32.load (i32.const 128)) (i32.const {columns}))
             {OK}"
        ),
        ..Guest::default()
    }
}
