//! Patterns of the mapping table: `*` stands for any text, upper and lower case are the same.

/// Patterns of which any must fit; none at all fits everything.
#[derive(Debug)]
pub(super) struct Patterns(Vec<String>);

impl Patterns {
    pub(super) fn new(patterns: &[String]) -> Self {
        Self(patterns.iter().map(|p| p.to_lowercase()).collect())
    }

    /// Whether any of the patterns fits the whole text.
    pub(super) fn fit(&self, text: &str) -> bool {
        self.0.is_empty() || {
            let text = text.to_lowercase();
            self.0.iter().any(|pattern| fits(pattern, &text))
        }
    }
}

fn fits(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(start) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or("");
    // Each part between two stars is taken where it first occurs, which leaves the most for the
    // parts after it.
    for part in parts {
        match text.split_once(part) {
            Some((_, after)) => text = after,
            None => return false,
        }
    }
    text.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, expected) in [
            ("gb", "gb", true),
            ("gb", "gb-months", false),
            (
                "*data transfer in *",
                "$0 per gb - data transfer in per month",
                true,
            ),
            ("*a*a", "a", false),
            ("a*a", "aa", true),
            ("*a*b*", "xbxaxb", true),
            ("*", "", true),
            ("a*b", "ab c", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }
}
