//! `corosync-qdevice-tool -s`: the quorum device as its own daemon sees it.

use super::ToolError;

const TOOL: &str = "corosync-qdevice-tool";

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceStatus {
    pub model: String,
    /// The witness: `10.0.0.9:5403`.
    pub host: String,
    pub algorithm: String,
    /// `Connected`, `Connect failed`, `Waiting for …`.
    pub state: String,
}

impl DeviceStatus {
    pub fn read(text: &str) -> Result<Self, ToolError> {
        let field = |name: &str| text.lines().find_map(|line| line.trim_start().strip_prefix(name)).map(str::trim);
        let told = |name: &str| field(name).unwrap_or_default().to_owned();
        Ok(Self {
            model: told("Model:"),
            host: told("QNetd host:"),
            algorithm: told("Algorithm:"),
            state: field("State:").ok_or_else(|| ToolError::of(text, TOOL, "its state"))?.to_owned(),
        })
    }

    pub fn is_connected(&self) -> bool {
        self.state == "Connected"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_state_is_read() {
        let text = "Qdevice information\n-------------------\nModel:                  Net\nNode ID:                1\n\nQdevice-net information\n-----------------------\nCluster name:           c\nQNetd host:             10.0.0.9:5403\nAlgorithm:              Fifty-Fifty split\nState:                  Connected\n";
        let expected = DeviceStatus {
            model: "Net".into(),
            host: "10.0.0.9:5403".into(),
            algorithm: "Fifty-Fifty split".into(),
            state: "Connected".into(),
        };
        assert_eq!(DeviceStatus::read(text), Ok(expected));
        let away = DeviceStatus::read(&text.replace(" Connected", " Connect failed")).expect("reads");
        assert!(!away.is_connected());
        let missing = ToolError::Lacks { tool: TOOL, what: "its state" };
        assert_eq!(DeviceStatus::read("Model: Net\n"), Err(missing));
    }
}
