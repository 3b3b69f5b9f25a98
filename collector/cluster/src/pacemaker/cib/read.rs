//! The configuration out of its XML.

use std::collections::BTreeMap;

use roxmltree::Node as Element;

use super::{Bundle, CibError, Cloned, Colocation, Configuration, Group, Location, Node, Order, Primitive};
use crate::pacemaker::role;
use crate::xml::{self, child, children, is, is_true, owned, text};

const INFINITY: i32 = 1_000_000;

pub(super) fn configuration(text: &str) -> Result<Configuration, CibError> {
    let document = xml::parse(text)?;
    let root = document.root_element();
    let cib = root.descendants().find(|element| element.has_tag_name("cib"));
    let found = cib.and_then(|cib| child(cib, "configuration")).or(Some(root));
    let Some(configuration) = found.filter(|found| found.has_tag_name("configuration")) else {
        return Err(CibError::NotCib { root: root.tag_name().name().chars().take(64).collect() });
    };
    let sets = Sets::of(configuration);
    let mut read = Configuration { properties: properties(configuration, &sets), ..Configuration::default() };
    read.cluster_name = read.properties.get("cluster-name").cloned().unwrap_or_default();
    if let Some(cib) = cib {
        let part = |name| cib.attribute(name).unwrap_or("0");
        read.version = [part("admin_epoch"), part("epoch"), part("num_updates")].join(".");
    }
    for nodes in children(configuration, "nodes") {
        read.nodes.extend(children(nodes, "node").map(node));
    }
    for section in children(configuration, "resources") {
        resources(section, "", &sets, &mut read);
    }
    for section in children(configuration, "constraints") {
        constraints(section, &mut read);
    }
    Ok(read)
}

/// Sets of attributes that others refer to, and templates of resources.
struct Sets<'a, 'i>(BTreeMap<&'a str, Element<'a, 'i>>);

impl<'a, 'i> Sets<'a, 'i> {
    fn of(configuration: Element<'a, 'i>) -> Self {
        let has_others = |element: &Element<'_, '_>| {
            ["instance_attributes", "meta_attributes", "cluster_property_set", "nvpair", "template"]
                .contains(&element.tag_name().name())
        };
        let all = configuration.descendants().filter(has_others);
        Self(all.filter_map(|element| Some((element.attribute("id")?, element))).collect())
    }

    /// The element, or the one that it refers to.
    fn resolved(&self, element: Element<'a, 'i>) -> Element<'a, 'i> {
        element.attribute("id-ref").and_then(|id| self.0.get(id).copied()).unwrap_or(element)
    }

    /// The values in the sets of this name below an element; those of the first set count.
    fn values(&self, element: Element<'a, 'i>, name: &'static str, found: &mut BTreeMap<String, String>) {
        for set in children(element, name) {
            for pair in children(self.resolved(set), "nvpair") {
                let name = text(pair, "name");
                let pair = self.resolved(pair);
                let name = if name.is_empty() { text(pair, "name") } else { name };
                if !name.is_empty() {
                    found.entry(name.to_owned()).or_insert_with(|| owned(pair, "value"));
                }
            }
        }
    }

    fn template(&self, element: Element<'a, 'i>) -> Option<Element<'a, 'i>> {
        self.0.get(element.attribute("template")?).copied()
    }
}

fn properties<'a, 'i>(configuration: Element<'a, 'i>, sets: &Sets<'a, 'i>) -> BTreeMap<String, String> {
    let mut properties = BTreeMap::new();
    if let Some(section) = child(configuration, "crm_config") {
        sets.values(section, "cluster_property_set", &mut properties);
    }
    properties
}

fn node(element: Element<'_, '_>) -> Node {
    let kind = match text(element, "type") {
        "" | "normal" => "member",
        kind => kind,
    };
    Node { id: owned(element, "id"), name: owned(element, "uname"), kind: kind.to_owned() }
}

/// The resources below an element, and the names of those right below it. The document bounds the depth.
fn resources<'a, 'i>(
    section: Element<'a, 'i>,
    parent: &str,
    sets: &Sets<'a, 'i>,
    read: &mut Configuration,
) -> Vec<String> {
    let mut names = Vec::new();
    for element in section.children().filter(Element::is_element) {
        let id = owned(element, "id");
        let tag = element.tag_name().name();
        match tag {
            "primitive" => read.primitives.push(primitive(element, parent, sets)),
            "group" => {
                let members = resources(element, &id, sets, read);
                read.groups.push(Group { id: id.clone(), members, parent: parent.to_owned() });
            }
            "clone" | "master" => {
                let child = resources(element, &id, sets, read).into_iter().next().unwrap_or_default();
                let mut meta = BTreeMap::new();
                sets.values(element, "meta_attributes", &mut meta);
                let is_promotable = tag == "master" || meta.get("promotable").is_some_and(|word| is_true(word));
                read.clones.push(Cloned { id: id.clone(), is_promotable, child });
            }
            "bundle" => {
                let child = resources(element, &id, sets, read).into_iter().next().unwrap_or_default();
                let images = element.children().filter_map(|container| container.attribute("image"));
                let image = images.map(str::to_owned).next().unwrap_or_default();
                read.bundles.push(Bundle { id: id.clone(), image, child });
            }
            _ => continue,
        }
        names.push(id);
    }
    names
}

fn primitive<'a, 'i>(element: Element<'a, 'i>, parent: &str, sets: &Sets<'a, 'i>) -> Primitive {
    let mut parameters = BTreeMap::new();
    sets.values(element, "instance_attributes", &mut parameters);
    let template = sets.template(element);
    if let Some(template) = template {
        sets.values(template, "instance_attributes", &mut parameters);
    }
    let kind = template.filter(|_| !element.has_attribute("type")).unwrap_or(element);
    let agent: Vec<&str> = ["class", "provider", "type"]
        .iter()
        .filter_map(|part| kind.attribute(*part))
        .filter(|p| !p.is_empty())
        .collect();
    Primitive { id: owned(element, "id"), agent: agent.join(":"), parameters, parent: parent.to_owned() }
}

fn constraints(section: Element<'_, '_>, read: &mut Configuration) {
    for element in section.children().filter(Element::is_element) {
        match element.tag_name().name() {
            "rsc_order" => orders(element, &mut read.orders),
            "rsc_colocation" => colocations(element, &mut read.colocations),
            "rsc_location" => locations(element, &mut read.locations),
            _ => {}
        }
    }
}

fn orders(element: Element<'_, '_>, found: &mut Vec<Order>) {
    let or = |word: &str, default: &str| if word.is_empty() { default.to_owned() } else { word.to_owned() };
    let kind = text(element, "kind");
    let is_optional = kind == "Optional" || kind == "Serialize" || (kind.is_empty() && text(element, "score") == "0");
    let first_action = or(text(element, "first-action"), "start");
    let pair = |first: &str, first_action: &str, then: &str, then_action: &str| Order {
        id: owned(element, "id"),
        first: first.to_owned(),
        first_action: first_action.to_owned(),
        then: then.to_owned(),
        then_action: then_action.to_owned(),
        is_mandatory: !is_optional,
    };
    if element.has_attribute("first") && element.has_attribute("then") {
        let then_action = or(text(element, "then-action"), &first_action);
        found.push(pair(text(element, "first"), &first_action, text(element, "then"), &then_action));
    }
    let mut before: Option<Set<'_>> = None;
    for set in children(element, "resource_set").map(Set::of) {
        let action = or(set.action, "start");
        if set.is_sequential {
            let pairs = set.members.iter().zip(set.members.iter().skip(1));
            found.extend(pairs.map(|(first, then)| pair(first, &action, then, &action)));
        }
        if let Some(before) = &before {
            let first_action = or(before.action, "start");
            // In a sequence it is enough that its first follows the last of the one before.
            for first in before.last() {
                found.extend(set.first().iter().map(|then| pair(first, &first_action, then, &action)));
            }
        }
        before = Some(set);
    }
}

fn colocations(element: Element<'_, '_>, found: &mut Vec<Colocation>) {
    let score = score(text(element, "score"));
    let pair = |resource: &str, own: &str, with: &str, with_role: &str| Colocation {
        id: owned(element, "id"),
        resource: resource.to_owned(),
        role: role(own).to_owned(),
        with: with.to_owned(),
        with_role: role(with_role).to_owned(),
        score,
    };
    if element.has_attribute("rsc") && element.has_attribute("with-rsc") {
        let with_role = text(element, "with-rsc-role");
        found.push(pair(text(element, "rsc"), text(element, "rsc-role"), text(element, "with-rsc"), with_role));
    }
    let mut before: Option<Set<'_>> = None;
    for set in children(element, "resource_set").map(Set::of) {
        if set.is_sequential {
            let pairs = set.members.iter().zip(set.members.iter().skip(1));
            found.extend(pairs.map(|(with, resource)| pair(resource, set.role, with, set.role)));
        }
        if let Some(before) = &before {
            // A set goes where the one after it is.
            for resource in before.first() {
                found.extend(set.last().iter().map(|with| pair(resource, before.role, with, set.role)));
            }
        }
        before = Some(set);
    }
}

fn locations(element: Element<'_, '_>, found: &mut Vec<Location>) {
    let location = |resource: &str, own: &str| Location {
        id: owned(element, "id"),
        resource: resource.to_owned(),
        node: owned(element, "node"),
        role: role(own).to_owned(),
        score: score(text(element, "score")),
    };
    let own = text(element, "role");
    let resource = ["rsc", "rsc-pattern"].iter().find_map(|name| element.attribute(*name));
    found.extend(resource.map(|resource| location(resource, own)));
    for set in children(element, "resource_set").map(Set::of) {
        let own = if set.role.is_empty() { own } else { set.role };
        found.extend(set.members.iter().map(|resource| location(resource, own)));
    }
}

/// A set of resources in a constraint.
struct Set<'a> {
    members: Vec<&'a str>,
    is_sequential: bool,
    action: &'a str,
    role: &'a str,
}

impl<'a> Set<'a> {
    fn of(element: Element<'a, '_>) -> Self {
        Self {
            members: children(element, "resource_ref").filter_map(|member| member.attribute("id")).collect(),
            is_sequential: !element.has_attribute("sequential") || is(element, "sequential"),
            action: text(element, "action"),
            role: text(element, "role"),
        }
    }

    /// The one that comes first, or all where none does.
    fn first(&self) -> &[&'a str] {
        if self.is_sequential { self.members.get(..1).unwrap_or_default() } else { &self.members }
    }

    fn last(&self) -> &[&'a str] {
        let start = if self.is_sequential { self.members.len().saturating_sub(1) } else { 0 };
        self.members.get(start..).unwrap_or_default()
    }
}

/// A score; `INFINITY` is ±1,000,000, and nothing is 0.
fn score(text: &str) -> i32 {
    match text {
        "INFINITY" | "+INFINITY" => INFINITY,
        "-INFINITY" => -INFINITY,
        number => number.parse::<i32>().unwrap_or(0).clamp(-INFINITY, INFINITY),
    }
}
