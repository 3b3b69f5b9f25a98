//! `corosync-quorumtool -s`, of corosync 2 and 3. Its exit code is 2 where there is no quorum.

use super::{NodeId, ToolError, node_id};

const TOOL: &str = "corosync-quorumtool";

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quorum {
    /// `corosync_votequorum`; `Not configured` for none, and then there are no votes.
    pub provider: String,
    pub node_id: NodeId,
    /// As it is written: `2.11`, `2/11`.
    pub ring: String,
    pub is_quorate: bool,
    pub expected_votes: u32,
    pub highest_expected: u32,
    pub total_votes: u32,
    pub quorum: u32,
    pub is_blocked: bool,
    /// `Quorate`, `2Node`, `WaitForAll`, `LastManStanding`, `AutoTieBreaker`, `AllowDownscale`, `Qdevice`.
    pub flags: Vec<String>,
    pub members: Vec<Member>,
    pub device: Option<Device>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    pub id: NodeId,
    pub name: String,
    pub votes: u32,
    pub is_local: bool,
    /// How the quorum device stands with this node; `None` where it has none, or none is registered.
    pub device: Option<DeviceFlags>,
}

/// The column `Qdevice`: `A,V,NMW`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceFlags {
    /// The daemon of the device answers. It does so also while its server is away.
    pub is_alive: bool,
    pub is_voting: bool,
    pub is_master_wins: bool,
}

/// The row of the quorum device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    pub name: String,
    /// 0 while it does not vote here.
    pub votes: u32,
}

impl Quorum {
    /// Reads the answer, also one that was asked for with `-p`.
    pub fn read(text: &str) -> Result<Self, ToolError> {
        let field = |name: &str| text.lines().find_map(|line| line.trim_start().strip_prefix(name)).map(str::trim);
        let lacks = |what| ToolError::of(text, TOOL, what);
        let quorate = field("Quorate:").ok_or_else(|| lacks("whether there is quorum"))?;
        let number =
            |name: &str| field(name).and_then(|text| text.split_whitespace().next()?.parse().ok()).unwrap_or(0);
        let (members, device) = members(text);
        Ok(Self {
            provider: field("Quorum provider:").unwrap_or_default().to_owned(),
            node_id: field("Node ID:").and_then(node_id).ok_or_else(|| lacks("the number of the node"))?,
            ring: field("Ring ID:").unwrap_or_default().to_owned(),
            is_quorate: quorate.eq_ignore_ascii_case("yes"),
            expected_votes: number("Expected votes:"),
            highest_expected: number("Highest expected:"),
            total_votes: number("Total votes:"),
            quorum: number("Quorum:"),
            is_blocked: field("Quorum:").is_some_and(|text| text.contains("Activity blocked")),
            flags: field("Flags:").unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
            members,
            device,
        })
    }

    /// The member that was asked.
    pub fn local(&self) -> Option<&Member> {
        self.members.iter().find(|member| member.is_local)
    }

    pub fn has_flag(&self, flag: &str) -> bool {
        self.flags.iter().any(|own| own == flag)
    }
}

/// The rows below the head `Nodeid Votes [Qdevice] Name`; without votes where there is no votequorum.
fn members(text: &str) -> (Vec<Member>, Option<Device>) {
    let mut lines = text.lines().skip_while(|line| !line.trim_start().starts_with("Nodeid"));
    let head: Vec<&str> = lines.next().unwrap_or_default().split_whitespace().collect();
    let (has_votes, has_device) = (head.contains(&"Votes"), head.contains(&"Qdevice"));
    let mut members = Vec::new();
    let mut device = None;
    for line in lines {
        let mut words = line.split_whitespace().peekable();
        let Some(id) = words.next().and_then(node_id) else { continue };
        let votes = if has_votes { words.next().and_then(|word| word.parse().ok()).unwrap_or(0) } else { 0 };
        let is_flags =
            |word: &&&str| has_device && (**word == "NR" || word.starts_with("A,") || word.starts_with("NA,"));
        let flags = words.next_if(|word| is_flags(&word)).and_then(DeviceFlags::read);
        let name = words.next().unwrap_or_default().to_owned();
        if id == 0 {
            device = Some(Device { name, votes });
        } else {
            members.push(Member { id, name, votes, is_local: words.any(|word| word == "(local)"), device: flags });
        }
    }
    (members, device)
}

impl DeviceFlags {
    /// `None` for `NR`, not registered.
    fn read(word: &str) -> Option<Self> {
        let mut flags = word.split(',');
        let is_alive = flags.next()? == "A";
        Some(Self { is_alive, is_voting: flags.next()? == "V", is_master_wins: flags.next() == Some("MW") })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) const WITH_DEVICE: &str = "\
Quorum information
------------------
Date:             Sun Nov 22 01:43:13 2026
Quorum provider:  corosync_votequorum
Nodes:            2
Node ID:          2
Ring ID:          1.b
Quorate:          Yes

Votequorum information
----------------------
Expected votes:   3
Highest expected: 3
Total votes:      3
Quorum:           2  \nFlags:            Quorate WaitForAll Qdevice \n
Membership information
----------------------
    Nodeid      Votes    Qdevice Name
         1          1    A,V,NMW a1
         2          1    A,V,NMW a2 (local)
         0          1            Qdevice
";

    fn member(id: NodeId, name: &str, is_local: bool, device: Option<DeviceFlags>) -> Member {
        Member { id, name: name.into(), votes: 1, is_local, device }
    }

    #[test]
    fn a_device_that_votes() {
        let voting = Some(DeviceFlags { is_alive: true, is_voting: true, is_master_wins: false });
        assert_eq!(
            Quorum::read(WITH_DEVICE),
            Ok(Quorum {
                provider: "corosync_votequorum".into(),
                node_id: 2,
                ring: "1.b".into(),
                is_quorate: true,
                expected_votes: 3,
                highest_expected: 3,
                total_votes: 3,
                quorum: 2,
                is_blocked: false,
                flags: vec!["Quorate".into(), "WaitForAll".into(), "Qdevice".into()],
                members: vec![member(1, "a1", false, voting), member(2, "a2", true, voting)],
                device: Some(Device { name: "Qdevice".into(), votes: 1 }),
            })
        );
    }

    #[test]
    fn a_device_that_is_away_and_no_quorum() {
        let text = WITH_DEVICE
            .replace("Quorate:          Yes", "Quorate:          No")
            .replace("Quorum:           2  ", "Quorum:           2 Activity blocked")
            .replace("A,V,NMW a2", "A,NV,MW a2")
            .replace("A,V,NMW a1", "     NR a1")
            .replace("0          1            Qdevice", "0          0            Qdevice (votes 1)")
            .replace("Quorate WaitForAll Qdevice", "2Node WaitForAll");
        let quorum = Quorum::read(&text).expect("reads");
        let silent = Some(DeviceFlags { is_alive: true, is_voting: false, is_master_wins: true });
        assert_eq!(quorum.members, [member(1, "a1", false, None), member(2, "a2", true, silent)]);
        assert_eq!((quorum.is_quorate, quorum.is_blocked, quorum.quorum), (false, true, 2));
        assert_eq!(quorum.device, Some(Device { name: "Qdevice".into(), votes: 0 }));
        assert!(quorum.has_flag("2Node") && !quorum.has_flag("Qdevice"));
        assert_eq!(quorum.local().map(|local| local.id), Some(2));
    }

    #[test]
    fn older_and_hexadecimal_and_without_votes() {
        let text = "Node ID: 0x0000002a\nRing ID: 42/8\nQuorate: Yes\nMembership information\n Nodeid Name\n0x0000002a 10.0.0.1 (local)\n";
        let expected = Quorum {
            node_id: 42,
            ring: "42/8".into(),
            is_quorate: true,
            members: vec![Member { votes: 0, ..member(42, "10.0.0.1", true, None) }],
            ..Quorum::default()
        };
        assert_eq!(Quorum::read(text), Ok(expected));
    }

    #[test]
    fn no_answer_is_no_quorum_state() {
        let message = "Cannot initialize CMAP service".to_owned();
        assert_eq!(Quorum::read("Cannot initialize CMAP service\n"), Err(ToolError::NotRunning { message }));
        assert_eq!(Quorum::read(""), Err(ToolError::Lacks { tool: TOOL, what: "whether there is quorum" }));
        assert_eq!(
            Quorum::read("Quorate: Yes\n"),
            Err(ToolError::Lacks { tool: TOOL, what: "the number of the node" })
        );
    }
}
