//! What is wrong with a configuration, told so that it can be mended: file, line, key, value, remedy.

use std::fmt;

/// One option that can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// 1-based; `None` until it is looked up, or when the option is not in the file.
    pub line: Option<usize>,
    /// Dotted, with positions in arrays: `logs.retention[0].age`. Empty for the file as a whole.
    pub key: String,
    /// The value as written; `None` for a key that should not be there.
    pub value: Option<String>,
    /// What is wrong, continuing "key = value: ".
    pub wrong: String,
    /// What to do about it, as an imperative.
    pub remedy: String,
}

impl Problem {
    /// A problem with the value of `key`.
    pub fn new(
        key: impl Into<String>,
        value: impl fmt::Display,
        wrong: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { line: None, key: key.into(), value: Some(value.to_string()), wrong: wrong.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.key.as_str(), &self.value) {
            ("", _) => {}
            (key, None) => write!(f, "{key}: ")?,
            (key, Some(value)) => write!(f, "{key} = {value}: ")?,
        }
        write!(f, "{}; {}", self.wrong, self.remedy)
    }
}

/// All problems of one file, in the order of its lines; prints one a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    file: String,
    problems: Vec<Problem>,
}

impl Problems {
    /// Orders `problems` by line; those without one come first.
    pub fn new(file: &str, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.line);
        Self { file: file.to_owned(), problems }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.problems.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            let newline = if at == 0 { "" } else { "\n" };
            match problem.line {
                Some(line) => write!(f, "{newline}{}:{line}: {problem}", self.file)?,
                None => write!(f, "{newline}{}: {problem}", self.file)?,
            }
        }
        Ok(())
    }
}
