//! A headless browser, if this machine has one.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where to find the browser and where to put pages and pictures.
pub(crate) struct Chromium {
    program: PathBuf,
    pages: PathBuf,
}

impl Chromium {
    /// The browser named by `CONLAB_CHROMIUM`, or the first on the path; without one, a message and nothing.
    /// Its pages go to a folder of their own, as tests run beside each other.
    pub(crate) fn found(folder: &str) -> Option<Self> {
        let named = env::var_os("CONLAB_CHROMIUM").map(PathBuf::from);
        let path = env::var_os("PATH").unwrap_or_default();
        let on_path = env::split_paths(&path).flat_map(|folder| {
            ["chromium", "chromium-browser", "google-chrome"].map(|program| folder.join(program))
        });
        let program = named.into_iter().chain(on_path).find(|program| program.is_file());
        if program.is_none() {
            eprintln!("skipped: no chromium on the path; install it or name it in CONLAB_CHROMIUM");
        }
        let pages = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages").join(folder);
        fs::create_dir_all(&pages).unwrap();
        Some(Self { program: program?, pages })
    }

    /// Runs `probe` in `page`, which pushes `name=value` onto `said`, and returns what it said.
    pub(crate) fn ask(&self, page: &str, probe: &str, width: u32, dark: bool) -> BTreeMap<String, String> {
        let script = format!(
            "<script>window.alert=(text)=>{{window.alerted=text}};addEventListener('load',()=>{{let report;try{{{probe}\
             report=said.join('\\n')}}catch(error){{report='error='+error.stack}}\
             parent.document.getElementById('said').textContent=report}});</script></body>"
        );
        self.answer(&page.replace("</body>", &script), width, dark, 4000)
    }

    /// Runs `script` in `page`, which leaves lines of `name=value` in the frame's parent when it is done, and returns them.
    pub(crate) fn ask_later(
        &self,
        page: &str,
        script: &str,
        width: u32,
        dark: bool,
    ) -> BTreeMap<String, String> {
        let script = script.replace("</script", "<\\/script");
        let script = format!("<script>addEventListener('load',()=>{{{script}}});</script></body>");
        self.answer(&page.replace("</body>", &script), width, dark, 30_000)
    }

    /// What a page leaves in the frame's parent within so many milliseconds of the browser's time.
    fn answer(&self, asking: &str, width: u32, dark: bool, budget: u32) -> BTreeMap<String, String> {
        let frame = self.frame(asking, width, 900, "ask");
        let output = self
            .command(dark)
            .arg(format!("--virtual-time-budget={budget}"))
            .arg("--dump-dom")
            .arg(&frame)
            .output()
            .unwrap();
        let dom = String::from_utf8_lossy(&output.stdout).into_owned();
        let report = dom.split("<pre id=\"said\">").nth(1).and_then(|rest| rest.split("</pre>").next());
        let report = report.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        assert!(!report.starts_with("error="), "{report}");
        report
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    /// Leaves a picture of `page` at this size.
    pub(crate) fn picture(&self, page: &str, name: &str, width: u32, height: u32, dark: bool) {
        let frame = self.frame(page, width, height, name);
        let picture = self.pages.join(name).with_extension("png");
        let output = self
            .command(dark)
            .arg(format!("--screenshot={}", picture.display()))
            .arg(format!("--window-size={},{height}", width.max(500)))
            .args(["--virtual-time-budget=2000", "--hide-scrollbars"])
            .arg(&frame)
            .output()
            .unwrap();
        assert!(picture.is_file(), "no picture: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// A file that shows `page` in a frame of this size: a browser window has a least width, a frame has none.
    fn frame(&self, page: &str, width: u32, height: u32, name: &str) -> PathBuf {
        let escaped = page.replace('&', "&amp;").replace('"', "&quot;");
        let file = self.pages.join(format!("{name}-{width}.html"));
        let frame = format!(
            "<!DOCTYPE html><meta name=\"color-scheme\" content=\"light dark\"><body style=\"margin:0\">\
             <pre id=\"said\" hidden></pre>\
             <iframe style=\"border:0;display:block;width:{width}px;height:{height}px\" srcdoc=\"{escaped}\"></iframe>"
        );
        fs::write(&file, frame.replace("<pre id=\"said\" hidden>", "<pre id=\"said\">")).unwrap();
        file
    }

    fn command(&self, dark: bool) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]);
        command.arg(format!("--blink-settings=preferredColorScheme={}", if dark { 0 } else { 1 }));
        command.arg(format!("--user-data-dir={}", self.pages.join("profile").display()));
        command
    }
}
