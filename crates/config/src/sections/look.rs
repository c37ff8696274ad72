//! How the pages of `[web]` look: the colour of their buttons and a logo. Read while the
//! configuration is, so that a logo that cannot be shown is noticed before anybody sees a page.

use crate::kind::{Fault, Kind, Raw, Shape};
use crate::kinds::{path, plain_text};
use crate::reader::Section;
use crate::types::{Logo, LogoKind};
use std::io::Read as _;
use std::path::Path;

/// The largest logo, in bytes: people wait for it on a phone.
const MAX_LOGO_BYTES: u64 = 64 * 1024;

/// Of text to its ground: WCAG 2.2, 1.4.3, level AA.
const LEAST_CONTRAST: f64 = 4.5;

/// A colour as `#rrggbb` on which white text can be read.
fn accent() -> Kind<String> {
    const REMEDY: &str = "write it like \"#1f5fa8\"";
    Kind::new(Shape::Text, |raw| {
        let text = plain_text(raw, 7).map_err(|fault| fault.advised(REMEDY))?;
        let channels = channels(&text).ok_or_else(|| Fault::new("is not a colour", REMEDY))?;
        let contrast = 1.05 / (luminance(channels) + 0.05);
        if contrast >= LEAST_CONTRAST {
            return Ok(text.to_ascii_lowercase());
        }
        // Cut, not rounded: 4.49 must not read as enough.
        let shown = (contrast * 100.0).floor() / 100.0;
        Err(Fault::new(
            format!(
                "is too light: white text on it has a contrast of {shown}:1, and people need {LEAST_CONTRAST}:1"
            ),
            "choose a darker colour",
        ))
    })
}

fn channels(text: &str) -> Option<[u8; 3]> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
    let channel = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(())?;
    Some([channel(0)?, channel(2)?, channel(4)?])
}

/// Relative luminance, 0.0 to 1.0, as WCAG 2.2 defines it.
fn luminance(channels: [u8; 3]) -> f64 {
    let [red, green, blue] = channels.map(|channel| {
        let share = f64::from(channel) / 255.0;
        if share <= 0.040_45 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

pub(super) fn accent_key(s: &mut Section<'_, '_>) -> Option<String> {
    s.key("accent", "The colour of buttons on pages; white text on it must be readable.")
        .or(accent(), Raw::Text("#1f5fa8"))
}

/// The outer none is a fault, the inner one absence.
pub(super) fn logo_key(s: &mut Section<'_, '_>) -> Option<Option<Logo>> {
    const KEY: &str = "logo";
    let written = s
        .key(KEY, "A file shown at the top of pages: SVG or PNG, at most 64 KiB.")
        .optional(path())?;
    let Some(written) = written else { return Some(None) };
    let file = s.resolve(&written);
    match read_logo(&file) {
        Ok(logo) => Some(Some(logo)),
        Err(fault) => {
            s.problem(KEY, fault);
            None
        }
    }
}

fn read_logo(file: &Path) -> Result<Logo, Fault> {
    const REMEDY: &str = "name an SVG or PNG file of at most 64 KiB that this user may read";
    let cannot = |error: std::io::Error| Fault::new(format!("cannot be read: {error}"), REMEDY);
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file).map_err(cannot)?;
    opened.take(MAX_LOGO_BYTES + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len > MAX_LOGO_BYTES) {
        return Err(Fault::new("is larger than 64 KiB", REMEDY));
    }
    let kind = kind_of(&bytes).ok_or_else(|| Fault::new("is neither SVG nor PNG", REMEDY))?;
    Ok(Logo { path: file.to_owned(), kind, bytes })
}

fn kind_of(bytes: &[u8]) -> Option<LogoKind> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Some(LogoKind::Png);
    }
    let text = std::str::from_utf8(bytes).ok()?.trim_start_matches('\u{feff}').trim_start();
    let begins = text.starts_with("<svg") || text.starts_with("<?xml") || text.starts_with("<!");
    (begins && text.contains("<svg")).then_some(LogoKind::Svg)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(colour: &str) -> Result<String, String> {
        accent().read(&Raw::Text(colour)).map_err(|fault| fault.what)
    }

    #[test]
    fn white_text_on_the_accent_can_be_read() {
        for good in ["#000000", "#1f5fa8", "#767676", "#B00020"] {
            assert_eq!(read(good), Ok(good.to_ascii_lowercase()));
        }
        // The two greys on either side of 4.5:1.
        assert!(read("#777777").unwrap_err().contains("4.47:1"));
        assert!(read("#ffffff").unwrap_err().contains("contrast of 1:1"));
        for bad in ["", "1f5fa8", "#1f5fa", "#1f5fa88", "#1f5fag", "red", "#é5fa8", "#+1+1+1"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_logo_is_what_it_looks_like() {
        let kinds: [(&[u8], Option<LogoKind>); 7] = [
            (b"\x89PNG\r\n\x1a\nrest", Some(LogoKind::Png)),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", Some(LogoKind::Svg)),
            (b"\xef\xbb\xbf<?xml version='1.0'?>\n<svg/>", Some(LogoKind::Svg)),
            (b"<!doctype html><script>alert(1)</script>", None),
            (b"GIF89a", None),
            (b"\xff\xfe<svg/>", None),
            (b"", None),
        ];
        for (bytes, kind) in kinds {
            assert_eq!(kind_of(bytes), kind);
        }
    }

    #[test]
    fn a_logo_is_read_within_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let write = |bytes: &[u8]| {
            let file = folder.path().join("logo.svg");
            std::fs::write(&file, bytes).unwrap();
            read_logo(&file).map_err(|fault| fault.what)
        };
        let logo = write(b"<svg/>").unwrap();
        assert_eq!((logo.kind, logo.bytes.as_slice()), (LogoKind::Svg, &b"<svg/>"[..]));
        let mut large = b"<svg/>".to_vec();
        large.resize(64 * 1024, b' ');
        assert!(write(&large).is_ok());
        large.push(b' ');
        assert_eq!(write(&large).unwrap_err(), "is larger than 64 KiB");
        assert!(read_logo(folder.path()).is_err() && read_logo(Path::new("absent")).is_err());
    }
}
