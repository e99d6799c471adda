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

/// How a sweep is divided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// How many shards.
    pub shards: usize,
    /// Most of them at once, if that is limited.
    pub width: Option<usize>,
    /// Processors of each, and threads that compute its cells.
    pub cpus: usize,
    /// Image that has conlab, for Kubernetes.
    pub image: Option<String>,
}

/// The job that computes the plan in `folder` in `parts` by `program`.
///
/// # Errors
///
/// [`SweepError::Refused`] when the parts do not fit together.
pub fn job(
    scheduler: Scheduler,
    plan: &Plan,
    folder: &Path,
    program: &Path,
    parts: &Parts,
) -> Result<Job, SweepError> {
    let Parts { shards, width, cpus, .. } = *parts;
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
    let run =
        |shard: &str| format!("{program_word} --progress none sweep run --jobs {cpus}{shard} {folder_word}");
    let submitting = |text: String| Job {
        files: vec![(script.clone(), text)],
        command: vec!["sh".into(), script.display().to_string()],
    };
    Ok(match scheduler {
        Scheduler::Slurm => {
            // Slurm takes a percent sign for the beginning of one of its own patterns.
            let log = |name: &str| {
                let place = folder.display().to_string().replace('%', "%%");
                word(&format!("{place}/{name}"))
            };
            let processors =
                if alone { " --exclusive".to_owned() } else { format!(" --cpus-per-task={cpus}") };
            let most = width.map_or_else(String::new, |width| format!("%{width}"));
            submitting(format!(
                "#!/bin/sh\n# Submits {shards} shards to Slurm, and a merge that waits for them and goes if one fails.\nset -eu\n\
                 array=$(sbatch --parsable --job-name=conlab --array=0-{last}{most}{processors} --output={} \
                 --wrap={})\n\
                 merge=$(sbatch --parsable --job-name=conlab-merge --dependency=afterok:\"${{array%%;*}}\" \
                 --kill-on-invalid-dep=yes --output={} --wrap={})\n\
                 echo \"array ${{array%%;*}}, merge ${{merge%%;*}}\"\n",
                log("log-%A-%a.txt"),
                // In the script and not by --export: any variable there makes Slurm run a login shell for each task.
                word(&format!("exec {}", run(&format!(" --shard \"$SLURM_ARRAY_TASK_ID/{shards}\"")))),
                log("log-merge.txt"),
                word(&format!("exec {program_word} sweep merge {folder_word}")),
            ))
        }
        Scheduler::Hq => submitting(format!(
            "#!/bin/sh\n# Runs {shards} shards under HyperQueue, then merges unless one fails.\nset -eu\n\
             hq submit --wait --name conlab --array 0-{last} --cpus {} --stdout {} --stderr {} \
             --env CONLAB_SHARDS={shards} -- {}\n\
             exec {program_word} sweep merge {folder_word}\n",
            if alone { "all".to_owned() } else { cpus.to_string() },
            word(&folder.join("log-%{JOB_ID}-%{TASK_ID}.txt").display().to_string()),
            word(&folder.join("log-%{JOB_ID}-%{TASK_ID}.err").display().to_string()),
            run(""),
        )),
        Scheduler::Kubernetes => {
            let image = parts.image.as_deref().ok_or_else(|| {
                SweepError::Refused(
                    "--image is missing: expected an image that has conlab, for Kubernetes".into(),
                )
            })?;
            let path = folder.join("job.json");
            let manifest = manifest(image, (shards, width.unwrap_or(shards)), (cpus, alone));
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
fn manifest(image: &str, (shards, width): (usize, usize), (cpus, alone): (usize, bool)) -> Value {
    let jobs = cpus.to_string();
    let mut pod = json!({
        "restartPolicy": "OnFailure",
        "containers": [{
            "name": "conlab",
            "image": image,
            "command": ["conlab", "--progress", "none", "sweep", "run", "--jobs", jobs, "/sweep"],
            "resources": { "requests": { "cpu": jobs } },
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
