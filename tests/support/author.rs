//! Draws random scenarios of the whole language, and makes one that fails smaller.

use conlab::random::{Source, Stream};
use conlab::scenario::Scenario;
use std::fmt::Write;
use toml_edit::{DocumentMut, Item, Value};

/// What a search is told to do by the environment: how many, from which seed.
pub(crate) fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Draws the words of scenarios.
struct Dice(Stream);

impl Dice {
    /// The dice of scenario `number` under `seed`.
    fn new(seed: u64, number: u64) -> Self {
        Self(Stream::new(seed, Source::Data, 0, number))
    }

    /// A number below `most`.
    fn below(&mut self, most: u64) -> u64 {
        self.0.below(most)
    }

    fn one_of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[usize::try_from(self.0.below(words.len() as u64)).unwrap()]
    }

    /// True once in `n`.
    fn once_in(&mut self, n: u64) -> bool {
        self.0.below(n) == 0
    }

    fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.0.below(high - low + 1)
    }

    fn time(&mut self) -> String {
        match self.0.below(3) {
            0 => format!("\"{}us\"", self.between(1, 900)),
            1 => format!("\"{}ms\"", self.between(1, 9)),
            _ => format!("\"{}us\"", self.between(50, 5000)),
        }
    }

    fn spread(&mut self) -> String {
        match self.0.below(10) {
            9 => "{ empirical = [0.5, 1.0, 3.0] }".into(),
            0 => "{ uniform = 0.3 }".into(),
            1 => "\"exponential\"".into(),
            2 => "{ lognormal = 0.5 }".into(),
            3 => "{ gamma = 4.0 }".into(),
            4 => "{ pareto = 2.5 }".into(),
            5 => "{ hyperexponential = 4.0 }".into(),
            6 => "{ ramp = { step = \"10us\", count = 7 } }".into(),
            _ => "\"constant\"".into(),
        }
    }
}

/// Draws scenarios.
pub(crate) struct Author {
    dice: Dice,
    /// Plain locks, and those that readers share.
    locks: Vec<String>,
    shared: Vec<String>,
    pools: usize,
    caches: usize,
    stores: usize,
}

impl Author {
    /// The author of scenario `number` under `seed`.
    pub(crate) fn new(seed: u64, number: u64) -> Self {
        Self {
            dice: Dice::new(seed, number),
            locks: Vec::new(),
            shared: Vec::new(),
            pools: 0,
            caches: 0,
            stores: 0,
        }
    }

    /// One of these names; nothing where there are none.
    fn any(&mut self, names: &[String]) -> Option<String> {
        let place = usize::try_from(self.dice.below(names.len().max(1) as u64)).unwrap();
        names.get(place).cloned()
    }

    /// A duration with a spread, or without.
    fn draw(&mut self) -> String {
        if self.dice.once_in(2) {
            return self.dice.time();
        }
        format!("{{ mean = {}, spread = {} }}", self.dice.time(), self.dice.spread())
    }

    /// What a step holds and how often it happens; whether it holds a pool. A step of a critical section holds no lock.
    fn frame(&mut self, step: &mut String, section: bool) -> bool {
        if !section && self.dice.once_in(3) {
            if self.dice.once_in(3)
                && let Some(lock) = self.any(&self.shared.clone())
            {
                _ = write!(step, ", lock = \"{lock}\", share = {}", self.dice.one_of(&["true", "false"]));
            } else if let Some(lock) = self.any(&self.locks.clone()) {
                _ = write!(step, ", lock = \"{lock}\"");
            }
        }
        let holds = self.pools > 0 && self.dice.once_in(4);
        if holds {
            _ = write!(step, ", pool = \"p{}\"", self.dice.below(self.pools as u64));
        }
        if self.dice.once_in(6) {
            _ = write!(step, ", chance = 0.{}", self.dice.between(1, 9));
        }
        if self.dice.once_in(10) {
            _ = write!(step, ", fail = 0.0{}", self.dice.between(1, 9));
        }
        if self.dice.once_in(10) {
            let panic = match self.dice.below(3) {
                0 => format!("0.0{}", self.dice.between(1, 9)),
                1 => format!("{{ task = {} }}", self.dice.between(1, 50)),
                _ => format!("{{ every = {} }}", self.dice.between(3, 50)),
            };
            _ = write!(step, ", panic = {panic}");
        }
        holds
    }

    /// How a call goes to `to`.
    fn call(&mut self, to: &str, later: &[String]) -> String {
        let both = later.len() > 1 && self.dice.once_in(4);
        let mut call = if both {
            format!(", call = [\"{}\", \"{}\"]", later[0], later[1])
        } else {
            format!(", call = \"{to}\"")
        };
        if self.dice.once_in(2) {
            return call;
        }
        let fan = if both { 2 } else { self.dice.between(1, 5) };
        if fan > 1 {
            if !both {
                _ = write!(call, ", fan = {fan}");
            }
            match self.dice.below(3) {
                0 => call.push_str(", wait = \"first\", cancel = true"),
                1 => _ = write!(call, ", wait = {}", self.dice.between(1, fan)),
                _ => _ = write!(call, ", parallel = {}", self.dice.between(1, fan)),
            }
        }
        if self.dice.once_in(3) {
            _ = write!(call, ", hedge = {}", self.dice.time());
        }
        if self.dice.once_in(2) {
            _ = write!(call, ", timeout = {}", self.draw());
            if self.dice.once_in(2) && !call.contains("cancel") {
                call.push_str(", cancel = true");
            }
        }
        if self.dice.once_in(2) {
            let times = self.dice.between(1, 3);
            let after = self.dice.time();
            _ = write!(call, ", retry = {{ times = {times}, after = {after}, factor = 2, jitter = 0.5");
            call.push_str(if self.dice.once_in(2) { ", budget = \"20%\" }" } else { " }" });
        }
        call
    }

    /// A step of an actor that may send to `later` ones.
    fn step(&mut self, name: &str, asynchronous: bool, section: bool, later: &[String]) -> String {
        let mut step = format!("{{ name = \"{name}\"");
        let holds = self.frame(&mut step, section);
        let mut effects = 0;
        if self.dice.once_in(2) {
            _ = write!(step, ", compute = {}", self.draw());
            effects += 1;
        }
        if self.dice.once_in(8) {
            step.push_str(", touch = \"16KiB\"");
            effects += 1;
        }
        if self.dice.once_in(16) {
            step.push_str(", compress = \"1KiB\"");
            effects += 1;
        }
        if self.caches > 0 && self.dice.once_in(4) {
            let (hit, miss, kind) =
                (self.dice.time(), self.dice.time(), self.dice.one_of(&["io", "compute"]));
            let cache = self.dice.below(self.caches as u64);
            _ = write!(step, ", cache = \"c{cache}\", hit = {hit}, miss = {{ {kind} = {miss} }}");
            effects += 1;
        }
        if self.stores > 0 && self.dice.once_in(5) {
            let store = self.dice.below(self.stores as u64);
            _ = write!(step, ", {} = \"d{store}\"", self.dice.one_of(&["read", "write"]));
            effects += 1;
        }
        let mut blocks = false;
        if effects == 0 || self.dice.once_in(3) {
            _ = write!(step, ", io = {}", self.dice.time());
            blocks = asynchronous && self.dice.once_in(4);
            step.push_str(if blocks { ", blocks = true" } else { "" });
        }
        // Whoever holds a place and waits for others could wait for ever.
        if !holds
            && self.dice.once_in(3)
            && let Some(to) = self.any(later)
        {
            if self.dice.once_in(3) {
                _ = write!(step, ", send = \"{to}\"");
            } else {
                step.push_str(&self.call(&to, later));
            }
        } else if !blocks && self.dice.once_in(6) {
            step.push_str(", offload = true");
        }
        if self.dice.once_in(8) {
            _ = write!(step, ", times = {}", self.dice.between(2, 5));
        } else if self.dice.once_in(8) {
            _ = write!(
                step,
                ", batch = {{ most = {}, within = {} }}",
                self.dice.between(1, 8),
                self.dice.time()
            );
        }
        if self.dice.once_in(2) {
            _ = write!(step, ", spread = {}", self.dice.spread());
        }
        step + " }"
    }

    /// A step, or a critical section of two or three.
    fn step_or_section(&mut self, number: u64, asynchronous: bool, later: &[String]) -> String {
        let Some(lock) = self.any(&self.locks.clone()).filter(|_| self.dice.once_in(6)) else {
            return self.step(&format!("s{number}"), asynchronous, false, later);
        };
        let steps: Vec<String> = (0..self.dice.between(2, 3))
            .map(|inner| self.step(&format!("s{number}{inner}"), asynchronous, true, later))
            .collect();
        format!("{{ name = \"s{number}\", lock = \"{lock}\", steps = [ {} ] }}", steps.join(", "))
    }

    /// A load; whether its clients come back at once.
    fn load(&mut self, focus: bool, mix: &str) -> (String, bool) {
        if !focus && self.dice.once_in(3) {
            return (String::new(), false);
        }
        if self.dice.once_in(2) {
            let thinks = self.dice.once_in(2);
            let think = if thinks { format!(", think = {}", self.dice.time()) } else { String::new() };
            return (format!("load = {{ clients = {}{think}{mix} }}\n", self.dice.between(1, 40)), !thinks);
        }
        let arrivals = self.dice.one_of(&["poisson", "paced", "uniform"]);
        if self.dice.once_in(4) {
            let (first, second) = (self.dice.between(5, 500), self.dice.between(5, 3000));
            return (
                format!(
                    "load = {{ phases = [{{ for = \"60ms\", rate = \"{first}/s\" }}, {{ for = \"30ms\", rate = \"{second}/s\" }}, \
                     {{ for = \"1h\", rate = \"{first}/s\" }}], arrivals = \"{arrivals}\"{mix} }}\n"
                ),
                false,
            );
        }
        (
            format!(
                "load = {{ rate = \"{}/s\", arrivals = \"{arrivals}\"{mix} }}\n",
                self.dice.between(5, 3000)
            ),
            false,
        )
    }

    fn run_and_host(&mut self, text: &mut String) {
        text.push_str("[run]\n");
        match self.dice.below(3) {
            // Whoever spins on the only processor for a lock whose holder waits for it goes on for ever.
            0 => _ = writeln!(text, "tasks = {}\nduration = \"1s\"", self.dice.between(1, 200)),
            1 => _ = writeln!(text, "duration = \"{}ms\"", self.dice.between(1, 200)),
            _ => {
                let (tasks, duration) = (self.dice.between(1, 300), self.dice.between(20, 200));
                _ = writeln!(text, "tasks = {tasks}\nduration = \"{duration}ms\"");
            }
        }
        _ = writeln!(text, "warmup = \"{}ms\"\nseed = {}", self.dice.below(60), self.dice.below(1000));
        _ = writeln!(text, "[host]\ncores = {}", self.dice.between(1, 5));
        if self.dice.once_in(2) {
            _ = writeln!(text, "slice = \"{}us\"", self.dice.between(100, 3000));
        }
        if self.dice.once_in(5) {
            _ = writeln!(
                text,
                "quota = \"{}%\"\nperiod = \"{}ms\"",
                self.dice.between(30, 300),
                self.dice.between(5, 50)
            );
        }
        if self.dice.once_in(5) {
            _ = writeln!(text, "siblings = 0.{}", self.dice.between(3, 9));
        }
        for key in ["ideal", "issuers", "spread"] {
            if self.dice.once_in(8) {
                _ = writeln!(text, "{key} = {}", self.dice.one_of(&["true", "false"]));
            }
        }
        for key in ["switch", "wake", "signal", "overshoot", "transfer", "tick", "base_slice"] {
            if self.dice.once_in(12) {
                _ = writeln!(text, "{key} = \"{}us\"", self.dice.below(4000));
            }
        }
    }

    /// Locks, pools, caches and stores; the interpreter lock, if there is one.
    fn shared_things(&mut self, text: &mut String) -> Option<String> {
        let mut interpreter = None;
        for number in 0..self.dice.below(4) {
            let kind = self.dice.one_of(&["mutex", "spin", "absent", "gil", "mutex", "shared"]);
            _ = writeln!(text, "[lock.l{number}]\nkind = \"{kind}\"");
            match kind {
                "gil" => {
                    interpreter = Some(format!("l{number}"));
                    if self.dice.once_in(3) {
                        let (interval, check) = (self.dice.between(1, 9), self.dice.between(1, 99));
                        _ = writeln!(text, "interval = \"{interval}ms\"\ncheck = \"{check}us\"");
                    }
                }
                "shared" => {
                    _ = writeln!(text, "prefer = \"{}\"", self.dice.one_of(&["writers", "readers", "fifo"]));
                    self.shared.push(format!("l{number}"));
                }
                _ => {
                    if kind == "mutex" && self.dice.once_in(2) {
                        let next = self.dice.one_of(&["\"barge\"", "\"fifo\"", "{ handover = \"1ms\" }"]);
                        let wait =
                            self.dice.one_of(&["\"park\"", "{ spin = \"20us\" }", "{ poll = \"1ms\" }"]);
                        _ = writeln!(text, "next = {next}\nwait = {wait}");
                    }
                    self.locks.push(format!("l{number}"));
                }
            }
            if kind != "gil" && self.dice.once_in(6) {
                _ = writeln!(text, "private = {}", self.dice.one_of(&["true", "false"]));
            }
        }
        self.pools = usize::try_from(self.dice.below(3)).unwrap();
        for number in 0..self.pools {
            let (size, next) = (self.dice.between(1, 6), self.dice.one_of(&["fifo", "barge"]));
            _ = writeln!(text, "[pool.p{number}]\nsize = {size}\nnext = \"{next}\"");
            if self.dice.once_in(2) {
                _ = writeln!(text, "timeout = {}", self.draw());
            }
        }
        self.caches = usize::try_from(self.dice.below(3)).unwrap();
        for number in 0..self.caches {
            let layout = self.dice.one_of(&["contended", "sharded", "isolated"]);
            let capacity = self.dice.between(1, 200);
            _ = writeln!(
                text,
                "[cache.c{number}]\nlayout = \"{layout}\"\ncapacity = {capacity}\nkeys = {{ count = 300, zipf = 0.8 }}"
            );
            if self.dice.once_in(3) {
                _ = writeln!(text, "ttl = {}\nonce = true", self.dice.time());
            }
            if layout == "sharded" && self.dice.once_in(2) {
                _ = writeln!(text, "shards = {}\npadded = true", self.dice.between(1, 8));
            }
        }
        self.stores = usize::try_from(self.dice.below(2)).unwrap();
        for number in 0..self.stores {
            let (read, write) = (self.dice.time(), self.dice.time());
            _ = writeln!(text, "[store.d{number}]\ncount = 10\nread = {read}\nwrite = {write}");
        }
        interpreter
    }

    fn events(&mut self, text: &mut String, names: &[String]) {
        for number in 0..self.dice.below(3) {
            let (at, every) = (self.dice.below(60), self.dice.between(20, 80));
            let length = self.dice.between(1, every / 3);
            _ = writeln!(text, "[event.e{number}]\nat = \"{at}ms\"\nfor = \"{length}ms\"");
            if self.dice.once_in(2) {
                _ = writeln!(text, "every = \"{every}ms\"");
            }
            let whom = self.any(names).unwrap();
            match self.dice.below(3) {
                0 => text.push_str("pause = \"all\"\n"),
                1 => _ = writeln!(text, "pause = \"{whom}\""),
                _ => {
                    _ = writeln!(text, "kill = \"{whom}\"");
                    text.push_str(if self.dice.once_in(2) { "workers = 1\n" } else { "" });
                }
            }
        }
    }

    /// What an actor has to say of its workers; whether they are asynchronous.
    fn workplace(&mut self, text: &mut String, workers: Option<&str>) -> (bool, bool) {
        if let Some(queue) = workers.filter(|_| self.dice.once_in(3)) {
            text.push_str("workers = \"w\"\n");
            return (queue == "async", false);
        }
        let queue = self.dice.one_of(&["mutex", "lockfree", "async", "arrayqueue", "segqueue"]);
        let threads = self.dice.between(1, 12);
        let capacity = if self.dice.once_in(3) { self.dice.between(1, 4) } else { 1024 };
        _ = writeln!(text, "threads = {threads}\nqueue = \"{queue}\"\ncapacity = {capacity}");
        if self.dice.once_in(5) {
            let route = self.dice.one_of(&["random", "round-robin", "shortest", "hash"]);
            _ = writeln!(text, "instances = {}\nroute = \"{route}\"", self.dice.between(2, 4));
        }
        if self.dice.once_in(5) {
            _ = writeln!(text, "nice = {}", self.dice.between(1, 19));
        }
        if queue != "async" && self.dice.once_in(3) {
            _ = writeln!(text, "restart = {}", self.draw());
        }
        (queue == "async", queue == "segqueue")
    }

    /// When an actor turns work away; `closed`: its clients would be back at once, for ever.
    fn overload(&mut self, text: &mut String, closed: bool, unbounded: bool) {
        if !closed && !unbounded && self.dice.once_in(3) {
            _ = writeln!(text, "full = \"{}\"", self.dice.one_of(&["block", "refuse", "drop-oldest"]));
        }
        if !closed && self.dice.once_in(4) {
            _ = writeln!(text, "timeout = {}", self.draw());
        }
        if !closed && self.dice.once_in(5) {
            let shed = if self.dice.once_in(2) {
                "{ length = 3 }".into()
            } else {
                format!("{{ age = {} }}", self.dice.time())
            };
            _ = writeln!(text, "shed = {shed}");
        }
        if self.dice.once_in(5) {
            _ = writeln!(
                text,
                "slowdown = {{ beyond = {}, each = \"{}%\" }}",
                self.dice.below(6),
                self.dice.between(1, 20)
            );
        }
    }

    /// The text of a scenario; it may hold a mistake of the whole, such as a lock held over a call to who takes it.
    pub(crate) fn scenario(&mut self) -> String {
        let mut text = String::from("schema = 1\nname = \"random\"\n");
        self.run_and_host(&mut text);
        let interpreter = self.shared_things(&mut text);
        let workers = self.dice.once_in(4).then(|| self.dice.one_of(&["mutex", "lockfree", "async"]));
        if let Some(queue) = workers {
            _ = writeln!(text, "[workers.w]\nthreads = {}\nqueue = \"{queue}\"", self.dice.between(1, 6));
        }
        let actors = self.dice.between(1, 4);
        let names: Vec<String> = (0..actors).map(|number| format!("a{number}")).collect();
        let kinds: Vec<bool> = names.iter().map(|_| self.dice.once_in(4)).collect();
        let receivers: Vec<String> = names
            .iter()
            .zip(&kinds)
            .map(|(name, kinds)| if *kinds { format!("{name}.get") } else { name.clone() })
            .collect();
        self.events(&mut text, &names);
        for (number, name) in names.iter().enumerate() {
            _ = writeln!(text, "[actor.{name}]");
            if number == 0 {
                text.push_str("focus = true\n");
            }
            let (asynchronous, unbounded) = self.workplace(&mut text, workers);
            let mix = if kinds[number] { ", mix = { get = 3, put = 1 }" } else { "" };
            let (load, at_once) = self.load(number == 0, mix);
            text.push_str(&load);
            self.overload(&mut text, at_once, unbounded);
            if let Some(lock) = interpreter.as_ref().filter(|_| self.dice.once_in(2)) {
                _ = writeln!(text, "under = \"{lock}\"");
            }
            let kinds = if kinds[number] { &["get", "put"][..] } else { &[""] };
            for kind in kinds {
                if !kind.is_empty() {
                    _ = writeln!(text, "[actor.{name}.on.{kind}]");
                    if self.dice.once_in(4) {
                        _ = writeln!(text, "priority = {}", self.dice.between(1, 3));
                    }
                }
                let count = self.dice.between(1, 3);
                let later = &receivers[number + 1..];
                let steps: Vec<String> =
                    (0..count).map(|step| self.step_or_section(step, asynchronous, later)).collect();
                _ = writeln!(text, "steps = [ {} ]", steps.join(", "));
            }
        }
        text
    }
}

/// The scenario with as much as possible taken away that is still valid and still fails.
pub(crate) fn shrunk(text: &str, fails: impl Fn(&str) -> bool) -> String {
    let mut smallest = text.to_owned();
    // Each turn takes something away, so the loop ends.
    'smaller: loop {
        let document: DocumentMut = smallest.parse().unwrap();
        let mut paths = Vec::new();
        removable(document.as_item(), &mut Vec::new(), &mut paths);
        for path in paths {
            let mut fewer = document.clone();
            remove(fewer.as_item_mut(), &path);
            let fewer = fewer.to_string();
            if Scenario::parse(&fewer, "random").is_ok() && fails(&fewer) {
                smallest = fewer;
                continue 'smaller;
            }
        }
        return smallest;
    }
}

/// Paths of everything that can be taken away, the largest first.
fn removable(item: &Item, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    let keys: Vec<String> = if let Some(table) = item.as_table_like() {
        table.iter().map(|(key, _)| key.to_owned()).collect()
    } else if let Some(array) = item.as_array() {
        (0..array.len()).map(|index| index.to_string()).collect()
    } else {
        return;
    };
    let at = found.len();
    for key in keys {
        path.push(key.clone());
        found.insert(at, path.clone());
        let inner = if let Some(table) = item.as_table_like() {
            table.get(&key).cloned()
        } else {
            item.as_array().and_then(|array| array.get(key.parse().ok()?)).cloned().map(Item::Value)
        };
        inner.iter().for_each(|inner| removable(inner, path, found));
        path.pop();
    }
    found.sort_by_key(Vec::len);
}

fn remove(item: &mut Item, path: &[String]) {
    let [key, rest @ ..] = path else { return };
    if let Some(table) = item.as_table_like_mut() {
        if rest.is_empty() {
            table.remove(key);
        } else if let Some(inner) = table.get_mut(key) {
            remove(inner, rest);
        }
    } else if let (Some(array), Ok(index)) = (item.as_array_mut(), key.parse::<usize>()) {
        if rest.is_empty() {
            array.remove(index);
        } else if let Some(value) = array.get_mut(index) {
            let mut inner = Item::Value(value.clone());
            remove(&mut inner, rest);
            if let Item::Value(changed) = inner {
                *value = Value::decorated(changed, " ", "");
            }
        }
    }
}
