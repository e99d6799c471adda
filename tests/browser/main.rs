//! The HTML page in a real browser: Debian's chromium, headless. Skipped with a message where there is none.
//!
//! Pictures of every page are left in `target/tmp/pages/`.
#![cfg(not(loom))]
#![expect(clippy::unwrap_used, reason = "a test may fail")]
#![expect(clippy::print_stderr, reason = "a skipped test says so")]

mod axe;
mod chromium;
#[path = "../suite/report/sample.rs"]
mod sample;

use chromium::Chromium;
use conlab::report::html::html;
use conlab::report::run_page;

/// What a page says of itself, asked from inside the browser.
const PROBE: &str = r#"
const figure = document.querySelector(".timeline");
const view = () => figure.querySelector("svg").getAttribute("viewBox");
const press = (key) => figure.querySelector(".lane-area")
  .dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
const said = [];
const whole = view();
figure.querySelector('[data-do="in"]').click();
const zoomed = view();
press("ArrowRight");
const moved = view();
press("0");
said.push("whole=" + whole, "zoomed=" + zoomed, "moved=" + moved, "back=" + view());
const area = figure.querySelector(".lane-area").getBoundingClientRect();
figure.querySelector(".lane-area").dispatchEvent(new PointerEvent("pointermove",
  { clientX: area.left + area.width / 3, clientY: area.top + 3, bubbles: true }));
said.push("tip=" + figure.querySelector(".tip").textContent);
figure.querySelector(".tip").hidden = true;
said.push("width=" + document.documentElement.scrollWidth, "height=" + document.documentElement.scrollHeight);
said.push("scripts=" + document.scripts.length, "alerted=" + (window.alerted || "no"));
const small = [...document.querySelectorAll("span,td,th,li,p,dd,dt,small")]
  .filter((each) => each.textContent.trim() && each.getClientRects().length)
  .map((each) => parseFloat(getComputedStyle(each).fontSize));
said.push("smallest=" + Math.min(...small));
said.push("unreachable=" + [...document.querySelectorAll("button,a,summary,.lane-area,.scroll")]
  .filter((each) => each.tabIndex < 0).length);
said.push("ink=" + getComputedStyle(document.body).color, "paper=" + getComputedStyle(document.body).backgroundColor);
"#;

#[test]
fn the_page_works_at_every_width_in_light_and_dark() {
    let Some(chromium) = Chromium::found("run") else { return };
    let page = html(&run_page(&sample::record("<script>alert(1)</script>", 20_000, 16, 20_000)));
    for (width, dark) in [(1280, false), (1280, true), (390, false), (390, true)] {
        let said = chromium.ask(&page, PROBE, width, dark);
        let number = |name: &str| said[name].parse::<f64>().unwrap();
        assert!(number("width") <= f64::from(width), "{width}: the page is {} wide", said["width"]);
        assert_eq!(said["whole"], said["back"]);
        assert_ne!(said["whole"], said["zoomed"], "the button zooms");
        assert_ne!(said["zoomed"], said["moved"], "the arrow key moves");
        assert!(said["tip"].starts_with("agents-0: "), "words at the pointer: {}", said["tip"]);
        assert!(number("smallest") >= 9.0, "letters of {} pixels", said["smallest"]);
        assert_eq!(
            (said["unreachable"].as_str(), said["scripts"].as_str(), said["alerted"].as_str()),
            ("0", "2", "no")
        );
        let light = |colour: &str| {
            let channels: Vec<f64> =
                colour.split(['(', ',', ')']).filter_map(|part| part.trim().parse().ok()).collect();
            channels.iter().sum::<f64>() / 3.0
        };
        assert_eq!(light(&said["paper"]) < 80.0, dark, "paper is {}", said["paper"]);
        assert!((light(&said["paper"]) - light(&said["ink"])).abs() > 150.0, "ink on paper has contrast");
        let height = said["height"].parse::<u32>().unwrap();
        let name = format!("run-{width}-{}", if dark { "dark" } else { "light" });
        chromium.picture(&page, &name, width, height.min(12_000), dark);
    }
}
