//! A notice as a mail: text and HTML with a plot in it, in one thread for each incident.

use std::time::SystemTime;

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, Message, MultiPart, SinglePart};
use orszem_alerting::{Kind, Level};

use crate::curve;
use crate::notice::Notice;
use crate::template::Templates;
use crate::view::{Site, View};

/// The name by which the HTML finds the plot.
const PLOT: &str = "plot";

/// Whom it is from and to, and when it is sent.
pub(super) struct Parts<'p> {
    pub(super) from: &'p Mailbox,
    pub(super) reply_to: Option<&'p Mailbox>,
    pub(super) to: Mailbox,
    pub(super) now: SystemTime,
}

/// A mail as it goes over the wire.
pub(super) struct Letter {
    pub(super) bytes: Vec<u8>,
    pub(super) message_id: String,
    /// What was wrong with a template.
    pub(super) problem: Option<String>,
}

/// Writes the mail. Headers are folded and encoded by lettre, and hold no line ends: titles are one line, and addresses
/// were parsed.
pub(super) fn write(
    notice: &Notice,
    view: &View<'_>,
    site: &Site,
    templates: &Templates,
    parts: Parts<'_>,
) -> Result<Letter, lettre::error::Error> {
    let Parts { from, reply_to, to, now } = parts;
    let domain = from.email.domain();
    let message_id = format!("<{}@{domain}>", view.key);
    let root = format!("<{}@{domain}>", view.thread);
    let mut mail = Message::builder()
        .from(from.clone())
        .to(to)
        .date(now)
        .subject(view.heading.clone())
        .message_id(Some(message_id.clone()))
        .raw_header(header("Auto-Submitted", "auto-generated"))
        .raw_header(header("X-Auto-Response-Suppress", "All"))
        .raw_header(header("X-Orszem-Status", view.status));
    if let Some(reply_to) = reply_to {
        mail = mail.reply_to(reply_to.clone());
    }
    if notice.intent.incident != 0 {
        // The root is nobody's message: whoever joins later threads by it, too.
        mail = mail.references(root.clone()).raw_header(header("X-Orszem-Incident", &view.incident.to_string()));
        if notice.intent.kind != Kind::Open {
            mail = mail.in_reply_to(root);
        }
    }
    let is_urgent = notice.intent.message.is_loud && notice.intent.message.level == Level::Critical;
    if is_urgent && view.status == "firing" {
        mail = mail.raw_header(header("Importance", "high"));
    }
    if let Some(body) = &notice.intent.body {
        // It was written as a whole.
        let alternative = MultiPart::alternative().singlepart(SinglePart::plain(body.text.clone()));
        let bytes = mail.multipart(alternative.singlepart(SinglePart::html(body.html.clone())))?.formatted();
        return Ok(Letter { bytes, message_id, problem: None });
    }
    let (text, html) = (templates.text(view), templates.mail(view));
    let picture = notice.curve.as_ref().and_then(|curve| curve::picture(curve, &site.zone));
    let html_part = SinglePart::html(html.text);
    let alternative = MultiPart::alternative().singlepart(SinglePart::plain(text.text));
    let body = match picture {
        Some(picture) => {
            let plot = Attachment::new_inline(PLOT.to_owned()).body(picture, png());
            alternative.multipart(MultiPart::related().singlepart(html_part).singlepart(plot))
        }
        None => alternative.singlepart(html_part),
    };
    let bytes = mail.multipart(body)?.formatted();
    Ok(Letter { bytes, message_id, problem: text.problem.or(html.problem) })
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

fn png() -> ContentType {
    ContentType::parse("image/png").expect("it is one")
}
