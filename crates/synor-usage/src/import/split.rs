//! Where one event ends and the next begins, told without reading them: what is wrong inside one
//! does not spoil its neighbours. Quotes and brackets are ASCII, which no other character of UTF-8
//! contains, so this holds for bytes that are not text, too.

/// The lines of a text, without their ends.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|b| *b == b'\n').map(|line| {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        line.strip_suffix(b"\r").unwrap_or(line)
    })
}

/// The elements of a text that starts with `[`; an error if its brackets do not close, or not at
/// its end.
pub(super) fn elements(array: &[u8]) -> Result<impl Iterator<Item = &[u8]>, &'static str> {
    let ends = ends(array)?;
    let is_empty = ends.len() == 1
        && array
            .get(1..array.len().saturating_sub(1))
            .is_some_and(|inside| inside.iter().all(u8::is_ascii_whitespace));
    let mut start = 1usize;
    let elements = ends.into_iter().map(move |end| {
        let element = array.get(start..end).unwrap_or_default();
        start = end.saturating_add(1);
        element.trim_ascii()
    });
    Ok(elements.skip(usize::from(is_empty)))
}

/// The place of each comma between elements, and of the bracket that closes the array.
fn ends(array: &[u8]) -> Result<Vec<usize>, &'static str> {
    let mut ends = Vec::new();
    let mut depth = 0usize;
    let mut in_string = false;
    let mut bytes = array.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match (in_string, byte) {
            (true, b'\\') => drop(bytes.next()),
            (_, b'"') => in_string = !in_string,
            (true, _) => {}
            (_, b'[' | b'{') => depth = depth.saturating_add(1),
            (_, b',') if depth == 1 => ends.push(at),
            (_, b']' | b'}') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    ends.push(at);
                    let is_last = at.saturating_add(1) == array.len();
                    return match (byte, is_last) {
                        (b']', true) => Ok(ends),
                        (b']', false) => Err("is not JSON: something follows the array"),
                        _ => Err("is not JSON: the array is closed by `}`"),
                    };
                }
            }
            _ => {}
        }
    }
    Err("is not JSON: it ends before its array does")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(array: &str, expected: Result<&[&str], &str>) {
        let found = elements(array.as_bytes()).map(|elements| {
            let text = |e| std::str::from_utf8(e).unwrap_or("?").to_owned();
            elements.map(text).collect::<Vec<_>>()
        });
        let expected = expected.map(|all| all.iter().map(|&e| e.to_owned()).collect());
        assert_eq!(found, expected, "{array}");
    }

    #[test]
    fn arrays_come_apart_at_their_commas() {
        check("[]", Ok(&[]));
        check("[ \n]", Ok(&[]));
        check("[1]", Ok(&["1"]));
        check(
            "[ {\"a\": [1, 2]} , \"x,]\\\"\" ]",
            Ok(&["{\"a\": [1, 2]}", "\"x,]\\\"\""]),
        );
        check("[tru,{\"a\":},]", Ok(&["tru", "{\"a\":}", ""]));
        check("[", Err("is not JSON: it ends before its array does"));
        check("[{]", Err("is not JSON: it ends before its array does"));
        check("[\"]", Err("is not JSON: it ends before its array does"));
        check("[}", Err("is not JSON: the array is closed by `}`"));
        check("[1] 2", Err("is not JSON: something follows the array"));
    }

    #[test]
    fn lines_end_as_they_may() {
        let found: Vec<_> = lines(b"a\r\n\nb").collect();
        assert_eq!(found, [&b"a"[..], b"", b"b"]);
    }
}
