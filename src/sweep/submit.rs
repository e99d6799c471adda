//! Jobs for schedulers: an array whose tasks are shards, and a merge that waits for it.

use super::{Plan, SweepError};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Whose jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheduler {
    /// Slurm: a job array, and a job that depends on it.
    Slurm,
    /// HyperQueue: a task array, and a job after it.
    Hq,
    /// Kubernetes: an Indexed Job; the merge is run by hand.
    Kubernetes,
}

impl Scheduler {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Slurm, Self::Hq, Self::Kubernetes];

    /// The word for it on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Slurm => "slurm",
            Self::Hq => "hq",
            Self::Kubernetes => "kubernetes",
        }
    }
}

/// Files of a job, and the command that submits it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Paths and texts.
    pub files: Vec<(PathBuf, String)>,
    /// The program and its arguments.
    pub command: Vec<String>,
}

/// `text` as one word of a shell.
fn word(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// The job that computes the plan in `folder` in `shards` shards by `program`, at most `width` at once if given.
///
/// # Errors
///
/// [`SweepError::Refused`] when the parts do not fit together.
pub fn job(
    scheduler: Scheduler,
    plan: &Plan,
    folder: &Path,
    program: &Path,
    (shards, width): (usize, Option<usize>),
    image: Option<&str>,
) -> Result<Job, SweepError> {
    if shards == 0 || shards > plan.cells.len() {
        return Err(SweepError::Refused(format!(
            "--shards: {shards} is out of range: expected 1 to {}, the number of cells",
            plan.cells.len()
        )));
    }
    let (folder_word, program_word) =
        (word(&folder.display().to_string()), word(&program.display().to_string()));
    // Real threads share a node with nobody.
    let alone = plan.cells.iter().any(|cell| cell.engine == "real");
    let script = folder.join("job.sh");
    let last = shards - 1;
    let submitting = |text: String| Job {
        files: vec![(script.clone(), text)],
        command: vec!["sh".into(), script.display().to_string()],
    };
    Ok(match scheduler {
        Scheduler::Slurm => {
            let logs = word(&folder.join("log-%A-%a.txt").display().to_string());
            let exclusive = if alone { " --exclusive" } else { "" };
            let most = width.map_or_else(String::new, |width| format!("%{width}"));
            submitting(format!(
                "#!/bin/sh\n# Submits {shards} shards to Slurm, and a merge that waits for them.\nset -eu\n\
                 array=$(sbatch --parsable --job-name=conlab --array=0-{last}{most}{exclusive} --output={logs} \
                 --export=ALL,CONLAB_SHARDS={shards} --wrap={})\n\
                 merge=$(sbatch --parsable --job-name=conlab-merge --dependency=afterok:\"$array\" --output={} --wrap={})\n\
                 echo \"array $array, merge $merge\"\n",
                word(&format!("exec {program_word} --progress none sweep run {folder_word}")),
                word(&folder.join("log-merge.txt").display().to_string()),
                word(&format!("exec {program_word} sweep merge {folder_word}")),
            ))
        }
        Scheduler::Hq => submitting(format!(
            "#!/bin/sh\n# Runs {shards} shards under HyperQueue, then merges.\nset -eu\n\
             hq submit --wait --name conlab --array 0-{last} --cpus {} --env CONLAB_SHARDS={shards} -- \
             {program_word} --progress none sweep run {folder_word}\n\
             exec {program_word} sweep merge {folder_word}\n",
            if alone { "all" } else { "1" },
        )),
        Scheduler::Kubernetes => {
            let image = image.ok_or_else(|| {
                SweepError::Refused(
                    "--image is missing: expected an image that has conlab, for Kubernetes".into(),
                )
            })?;
            let path = folder.join("job.json");
            let manifest = manifest(image, (shards, width.unwrap_or(shards)), alone);
            Job {
                files: vec![(path.clone(), format!("{manifest:#}\n"))],
                command: ["kubectl", "apply", "-f"]
                    .map(str::to_owned)
                    .into_iter()
                    .chain([path.display().to_string()])
                    .collect(),
            }
        }
    })
}

/// An Indexed Job whose pods share the folder by a claim named `conlab-sweep`.
fn manifest(image: &str, (shards, width): (usize, usize), alone: bool) -> Value {
    let mut pod = json!({
        "restartPolicy": "OnFailure",
        "containers": [{
            "name": "conlab",
            "image": image,
            "command": ["conlab", "--progress", "none", "sweep", "run", "/sweep"],
            "env": [{ "name": "CONLAB_SHARDS", "value": shards.to_string() }],
            "volumeMounts": [{ "name": "sweep", "mountPath": "/sweep" }],
        }],
        "volumes": [{ "name": "sweep", "persistentVolumeClaim": { "claimName": "conlab-sweep" } }],
    });
    if alone {
        // One pod a node: real threads share a node with no other shard.
        pod["affinity"] = json!({ "podAntiAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": [{
            "labelSelector": { "matchLabels": { "app": "conlab-sweep" } }, "topologyKey": "kubernetes.io/hostname",
        }]}});
    }
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": { "name": "conlab-sweep" },
        "spec": {
            "completions": shards,
            "parallelism": width.min(shards),
            "completionMode": "Indexed",
            "backoffLimitPerIndex": 3,
            "template": { "metadata": { "labels": { "app": "conlab-sweep" } }, "spec": pod },
        },
    })
}
