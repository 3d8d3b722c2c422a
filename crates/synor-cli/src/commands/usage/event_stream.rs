//! Server-sent events, as they arrive in parts.

/// One message.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// What to name when connecting again.
    pub id: Option<String>,
    /// What it says.
    pub data: String,
}

/// Puts messages together from parts. Comments, which are heartbeats, are no messages.
#[derive(Debug, Default)]
pub struct Reader {
    rest: Vec<u8>,
    message: Message,
    has_data: bool,
}

impl Reader {
    /// The messages that are whole after this part.
    pub fn take(&mut self, part: &[u8]) -> Vec<Message> {
        self.rest.extend_from_slice(part);
        let mut messages = Vec::new();
        let mut start = 0;
        while let Some(length) = self.rest[start..].iter().position(|&byte| byte == b'\n') {
            let line = String::from_utf8_lossy(&self.rest[start..start + length]).into_owned();
            start += length + 1;
            messages.extend(self.line(line.trim_end_matches('\r')));
        }
        self.rest.drain(..start);
        messages
    }

    fn line(&mut self, line: &str) -> Option<Message> {
        if line.is_empty() {
            let message = std::mem::take(&mut self.message);
            return std::mem::take(&mut self.has_data).then_some(message);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => self.message.id = Some(value.to_owned()),
            "data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.message.data.push('\n');
                }
                self.message.data.push_str(value);
            }
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_put_together_from_any_parts() {
        let text = ":\n\nid: 7\nevent: usage\ndata: {\"a\":1}\n\n:\n\nid: 8\r\ndata: x\r\ndata: grün\r\n\r\n";
        let message = |id: &str, data: &str| Message {
            id: Some(id.to_owned()),
            data: data.to_owned(),
        };
        let expected = [message("7", "{\"a\":1}"), message("8", "x\ngrün")];
        for size in 1..text.len() {
            let mut reader = Reader::default();
            let parts = text.as_bytes().chunks(size);
            let messages: Vec<_> = parts.flat_map(|part| reader.take(part)).collect();
            assert_eq!(messages, expected, "in parts of {size}");
        }
    }
}
