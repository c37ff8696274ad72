//! Scripts and style sheets that are whole. There is no JavaScript engine in these tests: this is
//! no parser, but it sees a file that breaks off, and most slips of an edit.

/// That every bracket is closed, outside of texts, patterns and comments.
pub(crate) fn assert_closed(name: &str, source: &str) {
    assert_eq!(left_open(source), Ok(String::new()), "{name}");
}

/// The brackets that are left open, or what is wrong.
fn left_open(source: &str) -> Result<String, String> {
    let (mut open, mut rest, mut before) = (String::new(), source, ';');
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").ok_or("an open comment")? + 2,
            // After these a slash divides nothing.
            '/' if "(,!=:{}[&|?;".contains(before) => quoted(rest).ok_or("an open pattern")?,
            '\'' | '"' | '`' => quoted(rest).ok_or("an open text")?,
            _ => c.len_utf8(),
        };
        match (c, length) {
            ('(' | '[' | '{', _) => open.push(c),
            (')' | ']' | '}', _) => match (open.pop(), c) {
                (Some('('), ')') | (Some('['), ']') | (Some('{'), '}') => {}
                (was, _) => return Err(format!("{c} after {was:?}")),
            },
            _ => {}
        }
        let is_comment = rest.starts_with("//") || rest.starts_with("/*");
        if !c.is_whitespace() && !is_comment {
            before = c;
        }
        rest = &rest[length..];
    }
    Ok(open)
}

/// The length of what begins and ends with the same sign: a text, or a pattern.
fn quoted(source: &str) -> Option<usize> {
    let quote = source.chars().next()?;
    let (mut is_escaped, mut in_class) = (false, false);
    for (at, c) in source.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '[' if quote == '/' => in_class = true,
            ']' if quote == '/' => in_class = false,
            '\n' if quote != '`' => return None,
            c if c == quote && !in_class => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[test]
fn a_script_that_breaks_off_is_seen() {
    let fine =
        "f('a)', \"{\", `[\n`); // }\nx.split(/(a|[b/)])/); /* ( */ if (a) { b[c] = 1 / 2; }";
    assert_eq!(left_open(fine), Ok(String::new()));
    assert_eq!(left_open("f(() => { // }"), Ok("({".into()));
    for damaged in ["f(]", "f(1))", "f('a)", "f('a\n')", "/* f()", "x = /a(b"] {
        assert!(left_open(damaged).is_err(), "{damaged}");
    }
}
