//! Counting what is delivered.

use std::time::Instant;

use axum::body::Bytes;
use serde_json::Value;

use super::price::{Price, Pricing};

/// What is counted of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// The tokens of an OpenAI-style `usage`; in a stream, before it comes, one for each part of the answer.
    Tokens,
    Bytes,
    /// Begun ones, from when the upstream was asked.
    Seconds,
}

/// The most bytes of an answer, or of one event, that are looked at for what was used.
const LOOKED_AT: usize = 1 << 20;

/// The most bytes at the end of a longer one that are looked at: who says at the end what was used says it there.
const END: usize = 64 << 10;

/// Counts an answer as it flows.
#[derive(Debug, Clone)]
pub(super) struct Meter {
    price: Price,
    /// What is known before anything flows.
    known: Option<u64>,
    began: Instant,
    is_events: bool,
    /// What has been delivered, in units.
    units: u64,
    /// What of the answer is to be read: all of it, or the event that has begun.
    pending: Vec<u8>,
    is_too_long: bool,
}

/// What of a part may be delivered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    All,
    /// So many bytes, and nothing more of the answer: there is no credit left for it.
    Part(usize),
}

impl Meter {
    /// Of an answer whose price may be known, and which may be a stream of events.
    pub(super) const fn new(price: Price, known: Option<u64>, began: Instant, is_events: bool) -> Self {
        Self { price, known, began, is_events, units: 0, pending: Vec::new(), is_too_long: false }
    }

    /// The next part of the answer is to be delivered.
    pub(super) fn take(&mut self, part: &Bytes) -> Taken {
        if self.known.is_some() {
            return Taken::All;
        }
        let Pricing::Rated { unit, .. } = self.price.pricing else { return Taken::All };
        match unit {
            Unit::Bytes => {
                let length = part.len() as u64;
                if self.fits(self.units + length) {
                    self.units += length;
                    return Taken::All;
                }
                // As many as there are credits for.
                let (mut low, mut high) = (0, length);
                while low < high {
                    let middle = (low + high).div_ceil(2);
                    if self.fits(self.units + middle) { low = middle } else { high = middle - 1 }
                }
                self.units += low;
                Taken::Part(low as usize)
            }
            Unit::Seconds => {
                let seconds = self.seconds();
                if !self.fits(seconds) {
                    return Taken::Part(0);
                }
                self.units = seconds;
                Taken::All
            }
            Unit::Tokens if self.is_events => self.take_events(part),
            Unit::Tokens => {
                self.pending.extend_from_slice(part);
                if self.pending.len() > LOOKED_AT {
                    self.is_too_long = true;
                    self.pending.drain(..self.pending.len() - END);
                }
                Taken::All
            }
        }
    }

    /// What the answer costs, once nothing more of it is delivered. `is_whole` where it came to its end.
    pub(super) fn credits(&mut self, is_whole: bool) -> u64 {
        if let Some(known) = self.known {
            return known;
        }
        let Pricing::Rated { unit, .. } = self.price.pricing else { return self.price.least };
        match unit {
            // Until the answer came to its end.
            Unit::Seconds if is_whole => self.units = self.units.max(self.seconds()),
            Unit::Tokens if !self.is_events && is_whole => {
                let body = std::mem::take(&mut self.pending);
                let all = || used(&serde_json::from_slice(&body).ok()?);
                let said = if self.is_too_long { used_at_the_end(&body) } else { all() };
                self.units = said.unwrap_or_default();
            }
            _ => {}
        }
        self.price.of_answer(self.units)
    }

    /// Whether nothing of what the answer costs is known before its end.
    pub(super) fn is_told_at_the_end(&self) -> bool {
        let is_by_tokens = matches!(self.price.pricing, Pricing::Rated { unit: Unit::Tokens, .. });
        self.known.is_none() && is_by_tokens && !self.is_events
    }

    fn fits(&self, units: u64) -> bool {
        self.price.of_units(units) <= self.price.most
    }

    fn seconds(&self) -> u64 {
        let elapsed = self.began.elapsed();
        elapsed.as_secs() + u64::from(elapsed.subsec_nanos() > 0)
    }

    fn keep(&mut self, part: &[u8]) {
        if self.pending.len() + part.len() > LOOKED_AT {
            self.is_too_long = true;
            self.pending.clear();
        }
        if !self.is_too_long {
            self.pending.extend_from_slice(part);
        }
    }

    /// Counts the lines that end in this part. What begins in it is counted when it ends.
    fn take_events(&mut self, part: &Bytes) -> Taken {
        let mut from = 0;
        while let Some(length) = part[from..].iter().position(|&byte| byte == b'\n') {
            let end = from + length + 1;
            self.keep(&part[from..end]);
            let line = std::mem::take(&mut self.pending);
            let is_too_long = std::mem::take(&mut self.is_too_long);
            let more = match (is_too_long, line_units(&line)) {
                // Nobody says what it holds.
                (true, _) => 1,
                (false, Counted::More(more)) => more,
                (false, Counted::InAll(all)) => {
                    self.units = all;
                    if !self.fits(all) {
                        // This much is paid, and what it was used for has been delivered.
                        return Taken::Part(end);
                    }
                    0
                }
            };
            if !self.fits(self.units.saturating_add(more)) {
                return Taken::Part(from);
            }
            self.units = self.units.saturating_add(more);
            from = end;
        }
        self.keep(&part[from..]);
        Taken::All
    }
}

enum Counted {
    More(u64),
    InAll(u64),
}

/// What a line of a stream of events counts.
fn line_units(line: &[u8]) -> Counted {
    let Some(data) = line.strip_prefix(b"data:") else { return Counted::More(0) };
    let data = data.trim_ascii();
    let Ok(data) = serde_json::from_slice::<Value>(data) else { return Counted::More(0) };
    if let Some(used) = used(&data) {
        return Counted::InAll(used);
    }
    let says = |choice: &Value| {
        let delta = choice.get("delta").unwrap_or(choice);
        ["content", "text", "reasoning_content", "tool_calls", "function_call"]
            .iter()
            .any(|name| delta.get(name).is_some_and(|said| !said.is_null() && said != ""))
    };
    let parts = match data.get("choices").and_then(Value::as_array) {
        Some(choices) => choices.iter().filter(|choice| says(choice)).count(),
        // Others have one event for each part: `response.output_text.delta`, `content_block_delta`.
        None => usize::from(data.get("delta").is_some_and(|said| !said.is_null() && said != "")),
    };
    Counted::More(parts as u64)
}

/// The tokens that an answer says it has used in its last bytes.
fn used_at_the_end(end: &[u8]) -> Option<u64> {
    // Not what stands in a text of the answer: quotes are escaped there.
    let name = b"\"usage\"";
    let at = end.windows(name.len()).rposition(|part| part == name)?;
    let value = end[at + name.len()..].trim_ascii_start().strip_prefix(b":")?;
    let usage = serde_json::Deserializer::from_slice(value).into_iter::<Value>().next()?.ok()?;
    used(&serde_json::json!({ "usage": usage }))
}

/// The tokens that an answer says it has used.
fn used(answer: &Value) -> Option<u64> {
    let usage = answer.get("usage").or_else(|| answer.get("response")?.get("usage"))?;
    let number = |name: &str| usage.get(name).and_then(Value::as_u64);
    if let Some(total) = number("total_tokens") {
        return Some(total);
    }
    let parts = ["prompt_tokens", "completion_tokens", "input_tokens", "output_tokens"].map(number);
    parts.iter().any(Option::is_some).then(|| parts.into_iter().flatten().fold(0, u64::saturating_add))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn meter(unit: Unit, per: u64, most: u64, is_events: bool) -> Meter {
        let price = Price::new(Pricing::Rated { unit, credits: 1, per }, (1, most), None).unwrap();
        Meter::new(price, None, Instant::now(), is_events)
    }

    #[test]
    fn bytes_are_delivered_to_the_last_credit() {
        let mut meter = meter(Unit::Bytes, 10, 3, false);
        assert_eq!(meter.take(&Bytes::from_static(&[0; 25])), Taken::All);
        assert_eq!(meter.credits(false), 3);
        assert_eq!(meter.take(&Bytes::from_static(&[0; 10])), Taken::Part(5));
        assert_eq!((meter.units, meter.credits(false)), (30, 3));
    }

    #[test]
    fn a_stream_is_counted_by_its_parts_and_then_by_what_it_says() {
        let part =
            |text: &str| format!("data: {}\n\n", json!({ "choices": [{ "delta": { "content": text } }] }));
        let mut meter = meter(Unit::Tokens, 1, 3, true);
        let stream = [part("a"), part("b")].concat();
        // However it is cut into packets.
        for byte in stream.as_bytes() {
            assert_eq!(meter.take(&Bytes::copy_from_slice(&[*byte])), Taken::All);
        }
        assert_eq!(meter.credits(false), 2);
        let more = [part(""), part("c"), part("d"), part("e")].concat();
        let until = [part(""), part("c")].concat().len();
        assert_eq!(meter.take(&Bytes::from(more)), Taken::Part(until));
        assert_eq!(meter.credits(false), 3);
    }

    #[test]
    fn what_an_answer_says_of_its_tokens_counts() {
        let mut whole = meter(Unit::Tokens, 10, 9, false);
        let body = json!({ "usage": { "prompt_tokens": 20, "completion_tokens": 21, "total_tokens": 41 } });
        assert_eq!(whole.take(&Bytes::from(body.to_string())), Taken::All);
        assert_eq!(whole.credits(true), 5);
        let mut claims = meter(Unit::Tokens, 1, 9, false);
        claims.take(&Bytes::from_static(b"{\"usage\":{\"total_tokens\":18446744073709551615}}"));
        assert_eq!(claims.credits(true), 9, "no more than is held");
        // One that is too long says it at its end; what a text of it says does not count.
        let text = json!({ "data": format!("{}\"usage\":{{\"total_tokens\":1}}", "x".repeat(LOOKED_AT)) })
            .to_string();
        let usage = r#","usage":{"total_tokens":5},"id":"\"usage\":{\"total_tokens\":2}"}"#;
        for (end, credits) in [(usage, 5), ("}", 1)] {
            let mut long = meter(Unit::Tokens, 1, 9, false);
            for part in format!("{}{end}", &text[..text.len() - 1]).as_bytes().chunks(10_007) {
                assert_eq!(long.take(&Bytes::copy_from_slice(part)), Taken::All);
            }
            assert_eq!(long.credits(true), credits);
        }
        let mut stream = meter(Unit::Tokens, 1, 9, true);
        stream.take(&Bytes::from_static(
            b"data: {\"choices\":[],\"usage\":{\"total_tokens\":7}}\n\ndata: [DONE]\n\n",
        ));
        assert_eq!(stream.credits(true), 7);
    }

    #[test]
    fn streams_of_other_forms_have_parts_as_well() {
        let mut stream = meter(Unit::Tokens, 1, 9, true);
        for event in [
            json!({ "type": "response.output_text.delta", "delta": "Hello" }),
            json!({ "type": "response.output_text.delta", "delta": "" }),
            json!({ "type": "content_block_delta", "delta": { "type": "text_delta", "text": "Hello" } }),
            json!({ "type": "ping" }),
        ] {
            stream.take(&Bytes::from(format!("event: x\ndata: {event}\n\n")));
        }
        assert_eq!(stream.credits(false), 2);
    }
}
