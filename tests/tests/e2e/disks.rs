//! Disks that are full, or that nobody may write to.

use std::process::Command;

use crate::own_network::is_inside;
use crate::project::Project;

/// Rows of the input. What is written of them is some hundred KiB.
const ROWS: u64 = 10_000;

const KIB: u64 = 1 << 10;

/// What is enough for any of these runs.
const PLENTY: &str = "size=64m,nr_inodes=10000";

/// Files and folders, of which no run here makes more.
const INODES_MAX: u64 = 60;

fn mount(project: &Project, folder: &str, options: &str) {
    let path = project.path(folder);
    std::fs::create_dir_all(&path).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", options, "tmpfs"])
        .arg(path)
        .status();
    assert!(mounted.unwrap().success(), "{folder}: {options}");
}

fn remount(project: &Project, folder: &str, options: &str) {
    let mounted = Command::new("mount")
        .args(["-o", &format!("remount,{options}")])
        .arg(project.path(folder))
        .status();
    assert!(mounted.unwrap().success(), "{folder}: {options}");
}

fn unmount(project: &Project, folder: &str) {
    let unmounted = Command::new("umount").arg(project.path(folder)).status();
    assert!(unmounted.unwrap().success(), "{folder}");
}

/// The lab into `disk/out`, as text, in place of what is there.
fn lab() -> Project {
    let project = Project::lab();
    let rows = (0..ROWS).map(|id| format!("{id},C{id},{}.5,{}\n", 20 + id % 200, id % 3));
    let rows: String = rows.collect();
    project.write(
        "sales.csv",
        format!("order_id,customer_id,amount,region\n{rows}"),
    );
    let output =
        "uri = \"disk/out\"\nformat = \"csv\"\npartition_by = [\"region\"]\nmode = \"overwrite\"";
    project.application("", "", output);
    project
}

/// How many rows a reader finds; none where there is no version.
fn seen(project: &Project) -> Option<usize> {
    let ended = project.sluice(&["--json", "head", "disk/out", "-n", "100000"]);
    match ended.code {
        Some(0) => Some(ended.out.lines().count()),
        Some(3 | 9) => None,
        code => panic!("{code:?}: {}", ended.err),
    }
}

/// The files that whoever lists the folder finds.
fn listed(project: &Project) -> usize {
    let names = project.names().into_iter();
    let names = names.filter(|name| name.starts_with("disk/out/") && !name.ends_with('/'));
    names
        .filter(|name| !name.contains("/_") && !name.contains("/."))
        .count()
}

/// A run on a disk of that size, and again once there is space. Yields whether the first found enough.
fn run_on_disk(options: &str, first: bool) -> bool {
    let project = lab();
    mount(&project, "disk", PLENTY);
    let before = first.then(|| {
        project.run(&["--run-id", "first", "-p", "min_amount=150"]);
        seen(&project).unwrap()
    });
    remount(&project, "disk", options);
    let ended = project.try_run(&["--run-id", "full"]);
    let (after, meanwhile) = (ROWS as usize, seen(&project));
    let what = format!("{options}: {}", ended.err);
    match ended.code {
        Some(0) => assert_eq!(meanwhile, Some(after), "{what}"),
        Some(9) => {
            assert!(ended.err.contains("disk/out"), "{what}");
            assert!(ended.err.contains("hint: free some space"), "{what}");
            let is_committed = ended.err.contains("which is committed");
            assert!(
                meanwhile == before || is_committed && meanwhile == Some(after),
                "{what}"
            );
            assert!(is_committed || first || listed(&project) == 0, "{what}");
        }
        code => panic!("{code:?} {what}"),
    }
    remount(&project, "disk", PLENTY);
    if ended.code == Some(9) {
        let repaired = project.sluice(&["dataset", "repair", "disk/out", "--all"]);
        assert!(
            matches!(repaired.code, Some(0 | 3)),
            "{what}: {}",
            repaired.err
        );
    }
    project.run(&["--run-id", "full"]);
    assert_eq!(seen(&project), Some(after), "{what}, and run again");
    // The files that are current, and no others.
    assert_eq!(listed(&project), 3, "{what}: {:?}", project.names());
    unmount(&project, "disk");
    ended.code == Some(0)
}

#[test]
fn a_disk_that_is_full_is_told_and_leaves_all_or_nothing() {
    if !is_inside(
        "disks::a_disk_that_is_full_is_told_and_leaves_all_or_nothing",
        "true",
    ) {
        return;
    }
    for first in [false, true] {
        let (inodes, bytes) = if first { used() } else { (0, 0) };
        let mut counts =
            (1..INODES_MAX).map(|more| format!("size=64m,nr_inodes={}", inodes + more));
        let tight = counts.position(|options| run_on_disk(&options, first));
        assert!(tight.is_some_and(|tight| tight >= 5), "{tight:?}");
        let mut sizes =
            (1..64).map(|step| format!("size={},nr_inodes=10000", bytes + 40 * KIB * step));
        let tight = sizes.position(|options| run_on_disk(&options, first));
        assert!(tight.is_some_and(|tight| tight >= 2), "{tight:?}");
    }
}

/// Files and folders, and bytes, of a first version.
fn used() -> (u64, u64) {
    let project = lab();
    mount(&project, "disk", PLENTY);
    project.run(&["-p", "min_amount=150"]);
    let used = Command::new("df")
        .args(["-B1", "--output=iused,used"])
        .arg(project.path("disk"))
        .output();
    let text = String::from_utf8(used.unwrap().stdout).unwrap();
    let figures = text.lines().nth(1).unwrap().split_whitespace();
    let figures: Vec<u64> = figures.map(|figure| figure.parse().unwrap()).collect();
    unmount(&project, "disk");
    (figures[0], figures[1])
}

#[test]
fn a_disk_that_is_read_only_is_told_by_name() {
    if !is_inside("disks::a_disk_that_is_read_only_is_told_by_name", "true") {
        return;
    }
    let project = lab();
    mount(&project, "disk", PLENTY);
    for first in [false, true] {
        if first {
            project.run(&["--run-id", "first"]);
        }
        let before = seen(&project);
        remount(&project, "disk", "ro");
        let ended = project.try_run(&["--run-id", "second"]);
        assert_eq!(ended.code, Some(9), "{}", ended.err);
        for part in ["disk/out", "read-only", "hint: "] {
            assert!(
                ended.err.to_lowercase().contains(part),
                "`{part}`: {}",
                ended.err
            );
        }
        assert_eq!(seen(&project), before);
        remount(&project, "disk", "rw");
    }
    project.run(&["--run-id", "second"]);
    assert_eq!(seen(&project), Some(ROWS as usize));
    unmount(&project, "disk");
}

/// Neither what is kept between runs nor what is thrown away after one is needed.
#[test]
fn a_full_or_read_only_cache_costs_time_and_nothing_else() {
    if !is_inside(
        "disks::a_full_or_read_only_cache_costs_time_and_nothing_else",
        "true",
    ) {
        return;
    }
    for options in ["size=4k", "size=64k", "nr_inodes=1", "nr_inodes=2", "ro"] {
        let mut project = lab();
        mount(&project, "small", options);
        for name in ["SLUICE_CACHE", "TMPDIR"] {
            let path = project.path("small").to_string_lossy().into_owned();
            project.set(name, &path);
        }
        for _ in 0..2 {
            project.run(&["--run-id", "cached"]);
        }
        assert_eq!(seen(&project), Some(ROWS as usize), "{options}");
        unmount(&project, "small");
    }
}
