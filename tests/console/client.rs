//! A client of the console's interface, and what it is told of a run.

use super::watched;
use conlab::engine::{Engine, Progress, real::RealEngine};
use conlab::queue::QueueKind;
use console_api::field::{Name, Value};
use console_api::instrument::InstrumentRequest;
use console_api::instrument::Update;
use console_api::instrument::instrument_client::InstrumentClient;
use console_api::resources::resource::kind::Kind;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Fields or attributes by name.
type Fields = BTreeMap<String, String>;

/// What a client was told so far.
#[derive(Debug, Default)]
struct Seen {
    /// Fields of every task, by its name.
    tasks: BTreeMap<String, Fields>,
    /// Type and kind of every resource, by number.
    resources: BTreeMap<u64, (String, String)>,
    /// Attributes of resources, by number.
    attributes: BTreeMap<u64, Fields>,
    /// Names of operations on resources, by the resource's number.
    operations: BTreeMap<u64, BTreeSet<String>>,
}

fn fields_of(fields: impl IntoIterator<Item = console_api::Field>) -> Fields {
    fields
        .into_iter()
        .filter_map(|field| {
            let Some(Name::StrName(name)) = field.name else { return None };
            let value = match field.value? {
                Value::StrVal(text) | Value::DebugVal(text) => text,
                Value::U64Val(number) => number.to_string(),
                Value::I64Val(number) => number.to_string(),
                Value::BoolVal(flag) => flag.to_string(),
            };
            Some((name, value))
        })
        .collect()
}

impl Seen {
    fn take(&mut self, update: Update) {
        for task in update.task_update.into_iter().flat_map(|update| update.new_tasks) {
            let fields = fields_of(task.fields);
            self.tasks.insert(fields.get("task.name").cloned().unwrap_or_default(), fields);
        }
        if let Some(update) = update.resource_update {
            for resource in update.new_resources {
                let kind = match resource.kind.and_then(|kind| kind.kind) {
                    Some(Kind::Other(kind)) => kind,
                    _ => "timer".into(),
                };
                self.resources.insert(resource.id.unwrap().id, (resource.concrete_type, kind));
            }
            for (id, stats) in update.stats_update {
                let fields = stats.attributes.into_iter().filter_map(|attribute| attribute.field);
                self.attributes.entry(id).or_default().extend(fields_of(fields));
            }
            for operation in update.new_poll_ops {
                let resource = operation.resource_id.unwrap().id;
                self.operations.entry(resource).or_default().insert(operation.name);
            }
        }
    }

    /// The resource whose attribute `name` is `value`: its type, kind, attributes and operations.
    fn resource(&self, name: &str, value: &str) -> Option<(&str, &str, &Fields, BTreeSet<String>)> {
        self.resources.iter().find_map(|(id, (concrete, kind))| {
            let attributes = self.attributes.get(id)?;
            let operations = self.operations.get(id).cloned().unwrap_or_default();
            (attributes.get(name)? == value).then_some((
                concrete.as_str(),
                kind.as_str(),
                attributes,
                operations,
            ))
        })
    }
}

/// What a client is told, until `enough` of it says so or the updates end.
async fn told(address: std::net::SocketAddr, seen: &mut Seen, enough: impl Fn(&Seen) -> bool) {
    let client = loop {
        match InstrumentClient::connect(format!("http://{address}")).await {
            Ok(client) => break client,
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    };
    let mut client = client.max_decoding_message_size(usize::MAX);
    let mut updates = client.watch_updates(InstrumentRequest {}).await.unwrap().into_inner();
    while let Some(update) = updates.message().await.unwrap() {
        seen.take(update);
        if enough(seen) {
            break;
        }
    }
}

#[test]
fn a_client_lists_every_actor_worker_queue_and_lock() {
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let experiment = watched(address);
    let scenario = experiment.scenario.clone();
    // Every handler and worker: its name, actor and queue.
    let mut wanted: Vec<(String, &str, QueueKind)> = Vec::new();
    let mut worker = 0;
    for actor in &scenario.actors {
        let handled = actor.queue == QueueKind::Async;
        let numbers = if handled { 0..actor.capacity.min(1024) } else { worker..worker + actor.threads };
        wanted.extend(
            numbers.map(|number| (format!("{}-{number}", actor.name), actor.name.as_str(), actor.queue)),
        );
        worker += actor.threads;
    }
    let all = |seen: &Seen| {
        let names = wanted.iter().all(|(name, ..)| seen.tasks.contains_key(name));
        let queues = scenario.actors.iter().all(|actor| seen.resource("actor", &actor.name).is_some());
        let taken = |name: &str| {
            let lock = seen.resource("lock", name);
            lock.is_some_and(|(.., attributes, _)| attributes["acquisitions"] != "0")
        };
        let awaited = seen.resource("actor", "agents").is_some_and(|(.., done)| done.contains("recv"));
        names && queues && awaited && scenario.locks.iter().all(|lock| taken(&lock.name))
    };
    let progress = Progress::default();
    let shared = progress.clone();
    let run = std::thread::spawn(move || RealEngine::new().run(&experiment, &shared).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut seen = Seen::default();
    let in_time = runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(30), told(address, &mut seen, all)).await
    });
    progress.stop.store(true, Ordering::Relaxed);
    let output = run.join().unwrap();
    assert!(output.record.instrumented, "watched runs are marked");
    assert!(in_time.is_ok(), "not everything within thirty seconds: {seen:?}");
    for (name, actor, queue) in &wanted {
        let fields = &seen.tasks[name];
        assert_eq!((fields["actor"].as_str(), fields["queue"].as_str()), (*actor, queue.name()), "{name}");
        let number = name.rsplit_once('-').unwrap().1;
        let by = if *queue == QueueKind::Async { "handler" } else { "worker" };
        assert_eq!(fields[by], number, "{name}");
    }
    for actor in &scenario.actors {
        let (concrete, kind, attributes, _) = seen.resource("actor", &actor.name).unwrap();
        assert_eq!((concrete, kind), (format!("{} queue", actor.queue.name()).as_str(), "Channel"));
        assert_eq!(attributes["capacity"], actor.capacity.to_string());
        println!("{concrete}: {attributes:?}");
    }
    for lock in &scenario.locks {
        let (concrete, kind, attributes, operations) = seen.resource("lock", &lock.name).unwrap();
        assert_eq!(kind, "Sync");
        println!("{concrete}: {attributes:?}, operations {operations:?}");
    }
    println!("a client sees {} tasks and {} resources", seen.tasks.len(), seen.resources.len());
}
