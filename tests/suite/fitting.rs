//! Fits of planted scenarios: what the figures identify comes back, and what they do not is named.

use conlab::engine::{Engine, Experiment, Progress, VirtualEngine};
use conlab::scenario::{LoadArm, Scenario};
use conlab::study::StudyError;
use conlab::study::fit::{FitOptions, FitPlan, Fitted, Identified, fit};

/// Clients whose tasks compute, with some spread, and then wait twice, on a host that charges nothing.
fn planted(compute: &str, first: &str, second: &str) -> Scenario {
    let text = format!(
        r#"
        schema = 1
        name = "planted"
        run = {{ tasks = 300, warmup = "20ms", seed = 3 }}
        host = {{ cores = 4 }}
        [actor.web]
        focus = true
        threads = 2
        load = {{ clients = 3, think = "2ms", spread = {{ uniform = 0.5 }} }}
        steps = [
          {{ name = "work", compute = "{compute}", spread = {{ uniform = 0.4 }} }},
          {{ name = "one", io = "{first}" }},
          {{ name = "two", io = "{second}" }},
        ]
        "#
    );
    Scenario::parse(&text, "planted").unwrap_or_else(|error| panic!("{error}"))
}

/// Mean, p99 and throughput of the planted scenario, over seeds that the fit does not use.
fn observed(scenario: &Scenario) -> (f64, f64, f64) {
    let runs = (7000..7016).map(|seed| {
        let mut experiment = Experiment::new(scenario.clone(), LoadArm::Baseline);
        experiment.seed = seed;
        let record = VirtualEngine::ideal().run(&experiment, &Progress::default()).unwrap().record;
        let sojourn = &record.actors["web"].sojourn_ns;
        #[expect(clippy::cast_precision_loss, reason = "nanoseconds of a task")]
        let p99 = sojourn.p99 as f64;
        (sojourn.mean, p99, record.actors["web"].throughput_per_s)
    });
    let runs: Vec<(f64, f64, f64)> = runs.collect();
    #[expect(clippy::cast_precision_loss, reason = "sixteen runs")]
    let count = runs.len() as f64;
    let mean = |read: fn(&(f64, f64, f64)) -> f64| runs.iter().map(read).sum::<f64>() / count;
    (mean(|run| run.0), mean(|run| run.1), mean(|run| run.2))
}

fn fitted(parameters: &str, (mean, p99, rate): (f64, f64, f64)) -> Result<Fitted, StudyError> {
    let plan = format!(
        "schema = 1\n{parameters}\n[[figure]]\nmetric = \"mean\"\nvalue = \"{mean}ns\"\n[[figure]]\nmetric = \"p99\"\nvalue = \"{p99}ns\"\n\
         [[predict]]\nmetric = \"throughput\"\nvalue = \"{rate}/s\"\n"
    );
    let plan = FitPlan::parse(&plan, "plan").unwrap();
    let start = planted("1ms", "1ms", "1ms");
    fit(&start, &plan, &VirtualEngine::ideal(), FitOptions { seed: 11 }, &Progress::default(), &|_, _| {})
}

const WORK: &str = "[[parameter]]\nset = [\"actor.web.steps.work.compute\"]\nlow = 0.5\nhigh = 8\n";
const ONE: &str = "[[parameter]]\nset = [\"actor.web.steps.one.io\"]\nlow = 0.5\nhigh = 8\n";
const TWO: &str = "[[parameter]]\nset = [\"actor.web.steps.two.io\"]\nlow = 0.5\nhigh = 8\n";

#[test]
fn planted_parameters_that_the_figures_identify_come_back_within_five_percent() {
    let fitted = fitted(&format!("{WORK}{ONE}"), observed(&planted("3ms", "4ms", "1ms"))).unwrap();
    let component = &fitted.components[0];
    assert!(component.fits, "{component:#?}");
    for (parameter, planted) in component.parameters.iter().zip([3.0, 4.0]) {
        assert!((parameter.value / planted - 1.0).abs() <= 0.05, "{parameter:?}");
        assert!(parameter.low <= planted && planted <= parameter.high, "{parameter:?}");
    }
    let predicted = &fitted.predicted[0];
    assert!(predicted.error().unwrap().abs() < 0.02, "{predicted:?}");
    let again = Scenario::parse(&fitted.source, "fitted").unwrap();
    let work = again.actors[0].steps[0].compute.as_ref().unwrap().mean;
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds of a step")]
    let work = work.0 as f64 / 1e6;
    assert!((work - component.parameters[0].value).abs() < 1e-3, "the scenario carries the best set");
}

/// Two waits in a row: only their sum shows in any figure, so neither may be called found.
#[test]
fn parameters_that_trade_against_each_other_are_never_called_found() {
    let fitted = fitted(&format!("{ONE}{TWO}"), observed(&planted("1ms", "4ms", "3ms"))).unwrap();
    let component = &fitted.components[0];
    assert!(component.fits, "{component:#?}");
    for parameter in &component.parameters {
        assert_eq!(parameter.identified, Identified::NotIdentifiable, "{parameter:?}");
        assert!(parameter.high - parameter.low > 4.0, "{parameter:?}");
    }
}

#[test]
fn figures_that_no_set_gives_are_said_to_fit_nothing() {
    let fitted = fitted(WORK, (200e6, 210e6, 10.0)).unwrap();
    let component = &fitted.components[0];
    assert!(!component.fits);
    assert_eq!(component.parameters[0].identified, Identified::NothingFits);
}

#[test]
fn a_path_that_leads_nowhere_is_refused_before_the_search() {
    let wrong = WORK.replace("work.compute", "wrok.compute");
    let error = fitted(&wrong, (5e6, 9e6, 10.0)).unwrap_err().to_string();
    assert!(error.contains("did you mean `work`"), "{error}");
}
