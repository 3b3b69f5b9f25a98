//! Templates: the built-in ones, those of the site in their place, and the way back to the built-in ones where those of
//! the site are wrong: a message is never lost to a template.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment};
use serde::Serialize;
use serde::de::IgnoredAny;

use crate::view::View;

/// The largest file of a template; a larger one is left out, and said.
const SOURCE_BYTES_MAX: u64 = 256 << 10;
/// Templates of a site; more are left out, and said.
const OWN_MAX: usize = 200;
/// Instructions that rendering may take, so that it ends.
const FUEL: u64 = 2_000_000;
/// The longest text of a template; a longer one counts as wrong.
const OUTPUT_BYTES_MAX: usize = 1 << 20;
/// A text message: what fits into one SMS.
const SHORT_CHARS_MAX: usize = 160;

/// The texts that this crate brings.
const BUILT_IN: [(&str, &str); 9] = [
    (SHORT, include_str!("../templates/short.txt")),
    (TEXT, include_str!("../templates/text.txt")),
    (MAIL, include_str!("../templates/mail.html")),
    ("slack.json", include_str!("../templates/slack.json")),
    ("mattermost.json", include_str!("../templates/mattermost.json")),
    ("teams.json", include_str!("../templates/teams.json")),
    ("telegram.json", include_str!("../templates/telegram.json")),
    ("pagerduty.json", include_str!("../templates/pagerduty.json")),
    ("sms.json", include_str!("../templates/sms.json")),
];

/// At most [`SHORT_CHARS_MAX`] characters, for pushes and SMS.
pub(crate) const SHORT: &str = "short.txt";
/// The whole message without markup.
pub(crate) const TEXT: &str = "text.txt";
/// The whole message as HTML.
pub(crate) const MAIL: &str = "mail.html";

/// Whether a webhook's body of this name needs no template of the site.
pub(crate) fn is_built_in(body: &str) -> bool {
    let has_name = |name: &str| name == body || name.strip_suffix(".json") == Some(body);
    body == "alertmanager" || BUILT_IN.iter().any(|(name, _)| has_name(name))
}

/// A template of the site that can't be used, as it is found when all are read.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    #[error("can't read the templates in {}", path.display())]
    Folder {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("can't read the template {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the template {} is larger than {SOURCE_BYTES_MAX} bytes", path.display())]
    TooLarge { path: PathBuf },
    #[error("the template {} is one too many: there may be {OWN_MAX}", path.display())]
    TooMany { path: PathBuf },
    #[error("the template {name} is wrong, the built-in text is sent instead")]
    Syntax {
        name: String,
        #[source]
        source: minijinja::Error,
    },
}

/// A text, and what was wrong with the template that should have made it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rendered {
    pub(crate) text: String,
    pub(crate) problem: Option<String>,
}

/// All templates of a site.
#[derive(Debug)]
pub(crate) struct Templates {
    built_in: Environment<'static>,
    own: Environment<'static>,
    /// Templates of the site that can't be used, and why.
    broken: BTreeMap<String, String>,
}

/// What templates see.
#[derive(Serialize)]
struct Scope<'a, 'n> {
    #[serde(flatten)]
    view: &'a View<'n>,
    /// The key of the receiving service; empty where there is none.
    secret: &'a str,
    short: &'a str,
    text: &'a str,
}

impl Templates {
    /// Reads `*.txt`, `*.html` and `*.json` of a folder; a template with the name of a built-in one takes its place.
    pub(crate) fn load(folder: Option<&Path>) -> (Self, Vec<TemplateError>) {
        let mut errors = Vec::new();
        let sources = folder.map(|folder| read(folder, &mut errors)).unwrap_or_default();
        let templates = Self::new(sources, &mut errors);
        (templates, errors)
    }

    fn new(sources: BTreeMap<String, String>, errors: &mut Vec<TemplateError>) -> Self {
        let mut built_in = environment();
        for (name, source) in BUILT_IN {
            built_in.add_template(name, source).expect("a test renders each built-in template");
        }
        let (mut own, mut broken) = (environment(), BTreeMap::new());
        for (name, source) in sources {
            if let Err(source) = own.add_template_owned(name.clone(), source) {
                broken.insert(name.clone(), source.to_string());
                errors.push(TemplateError::Syntax { name, source });
            }
        }
        Self { built_in, own, broken }
    }

    /// Whether there is a template of this name, be it a wrong one.
    pub(crate) fn knows(&self, name: &str) -> bool {
        let is_there = |environment: &Environment<'_>| environment.get_template(name).is_ok();
        is_there(&self.own) || is_there(&self.built_in) || self.broken.contains_key(name)
    }

    /// The short text of a notice.
    pub(crate) fn short(&self, view: &View<'_>) -> Rendered {
        let mut rendered = self.render_or_heading(SHORT, view);
        if rendered.text.chars().count() > SHORT_CHARS_MAX {
            rendered.text = rendered.text.chars().take(SHORT_CHARS_MAX - 1).chain(['…']).collect();
        }
        rendered
    }

    /// The whole text of a notice.
    pub(crate) fn text(&self, view: &View<'_>) -> Rendered {
        self.render_or_heading(TEXT, view)
    }

    /// The HTML of a notice.
    pub(crate) fn mail(&self, view: &View<'_>) -> Rendered {
        self.render_or_heading(MAIL, view)
    }

    fn render_or_heading(&self, name: &str, view: &View<'_>) -> Rendered {
        let scope = Scope { view, secret: "", short: "", text: "" };
        let rendered = self.render(name, &scope);
        let heading = || if name == MAIL { escape(&view.heading) } else { view.heading.clone() };
        let text = rendered.text.unwrap_or_else(heading);
        Rendered { text: text.trim().to_owned(), problem: rendered.problem }
    }

    /// The body of the template `name`, which sees the short and the whole text, too; without a text where neither the
    /// site nor this crate has one that works.
    pub(crate) fn body(&self, name: &str, view: &View<'_>, secret: &str) -> Attempt {
        let (short, text) = (self.short(view), self.text(view));
        let mut attempt = self.render(name, &Scope { view, secret, short: &short.text, text: &text.text });
        attempt.problem = attempt.problem.or(short.problem).or(text.problem);
        attempt
    }

    fn render(&self, name: &str, scope: &Scope<'_, '_>) -> Attempt {
        let mut problem = self.broken.get(name).map(|why| format!("template {name}: {why}"));
        if problem.is_none() && self.own.get_template(name).is_ok() {
            match render(&self.own, name, scope) {
                Ok(text) => return Attempt { text: Some(text), problem: None },
                Err(why) => problem = Some(format!("template {name}: {why}")),
            }
        }
        match render(&self.built_in, name, scope) {
            Ok(text) => Attempt { text: Some(text), problem },
            Err(why) => Attempt { text: None, problem: problem.or(Some(format!("template {name}: {why}"))) },
        }
    }
}

/// What came of a template.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) text: Option<String>,
    pub(crate) problem: Option<String>,
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|name| match name.rsplit_once('.') {
        Some((_, "html")) => AutoEscape::Html,
        Some((_, "json")) => AutoEscape::Json,
        Some(_) | None => AutoEscape::None,
    });
    environment.set_fuel(Some(FUEL));
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().expect("it is right"));
    environment.add_filter("ascii", ascii);
    environment.add_filter("slack", slack);
    environment
}

fn render(environment: &Environment<'_>, name: &str, scope: &Scope<'_, '_>) -> Result<String, String> {
    let template = environment.get_template(name).map_err(|_| "there is none of this name".to_owned())?;
    let text = template.render(Value::from(Serde(scope))).map_err(|e| e.to_string())?;
    if text.len() > OUTPUT_BYTES_MAX {
        return Err(format!("its text is longer than {OUTPUT_BYTES_MAX} bytes"));
    }
    if name.ends_with(".json") {
        serde_json::from_str::<IgnoredAny>(&text).map_err(|error| format!("its text is no JSON: {error}"))?;
    }
    Ok(text)
}

/// Texts by their names. Hidden files, folders and other endings are left alone.
fn read(folder: &Path, errors: &mut Vec<TemplateError>) -> BTreeMap<String, String> {
    let mut sources = BTreeMap::new();
    let mut paths = match paths(folder) {
        Ok(paths) => paths,
        Err(source) => {
            errors.push(TemplateError::Folder { path: folder.to_owned(), source });
            return sources;
        }
    };
    paths.sort();
    for (at, path) in paths.into_iter().enumerate() {
        let Some(name) = path.file_name().and_then(|name| name.to_str()).map(str::to_owned) else { continue };
        if at >= OWN_MAX {
            errors.push(TemplateError::TooMany { path });
            continue;
        }
        let read = fs::metadata(&path).and_then(|metadata| match metadata.len() <= SOURCE_BYTES_MAX {
            true => fs::read_to_string(&path).map(Some),
            false => Ok(None),
        });
        match read {
            Ok(Some(source)) => {
                sources.insert(name, source);
            }
            Ok(None) => errors.push(TemplateError::TooLarge { path }),
            Err(source) => errors.push(TemplateError::Read { path, source }),
        }
    }
    sources
}

fn paths(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let ending = path.extension().and_then(|ending| ending.to_str());
        let is_hidden = path.file_name().and_then(|name| name.to_str()).is_none_or(|name| name.starts_with('.'));
        if !is_hidden && matches!(ending, Some("txt" | "html" | "json")) {
            paths.push(path);
        }
    }
    Ok(paths)
}

/// Letters without their accents, and `?` for what else is not ASCII: an SMS then holds 160 characters, not 70.
fn ascii(text: &str) -> String {
    let letter = |c: char| match c {
        c if c.is_ascii() => c,
        'á' | 'à' | 'â' | 'ä' | 'ã' | 'å' => 'a',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'í' | 'ì' | 'î' | 'ï' => 'i',
        'ó' | 'ò' | 'ô' | 'ö' | 'õ' | 'ő' => 'o',
        'ú' | 'ù' | 'û' | 'ü' | 'ű' => 'u',
        'Á' | 'À' | 'Â' | 'Ä' | 'Ã' | 'Å' => 'A',
        'É' | 'È' | 'Ê' | 'Ë' => 'E',
        'Í' | 'Ì' | 'Î' | 'Ï' => 'I',
        'Ó' | 'Ò' | 'Ô' | 'Ö' | 'Õ' | 'Ő' => 'O',
        'Ú' | 'Ù' | 'Û' | 'Ü' | 'Ű' => 'U',
        'ñ' => 'n',
        'ç' => 'c',
        '–' | '—' => '-',
        '…' => '.',
        '“' | '”' | '„' => '"',
        '‘' | '’' => '\'',
        _ => '?',
    };
    text.chars().map(letter).collect()
}

/// Slack's three signs (its `mrkdwn`).
fn slack(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// For HTML.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests;
