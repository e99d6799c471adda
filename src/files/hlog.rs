//! `HdrHistogram`'s interval logs (`.hlog`, V2), read without trusting what they say of their size.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::ZlibDecoder;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use std::io::Read;

/// How a compressed histogram begins.
const COMPRESSED: [u8; 4] = [0x1c, 0x84, 0x93, 0x14];

/// Bytes of the header of a histogram, compressed or not; the counts follow.
const COMPRESSED_HEADER: usize = 8;
const HEADER: usize = 40;

/// Most bytes of one histogram: 8 times as many as nanoseconds up to a century with five digits take.
const LARGEST: u64 = 64 << 20;

/// The histograms of an interval log with their tags; intervals of one tag are added up.
///
/// # Errors
///
/// A fragment that says what is wrong with the log.
pub fn read_hlog(log: &[u8]) -> Result<Vec<(String, Histogram<u64>)>, String> {
    let mut found: Vec<(String, Histogram<u64>)> = Vec::new();
    let mut deserializer = Deserializer::new();
    for entry in IntervalLogIterator::new(log) {
        let entry = entry.map_err(|error| format!("is not an HdrHistogram log: {error:?}"))?;
        let LogEntry::Interval(interval) = entry else { continue };
        let tag = interval.tag().map_or("", |tag| tag.as_str());
        let bytes = STANDARD
            .decode(interval.encoded_histogram())
            .map_err(|error| format!("holds a histogram that is not base64: {error}"))?;
        let bytes = inflated(bytes)?;
        let histogram: Histogram<u64> = deserializer
            .deserialize(&mut bytes.as_slice())
            .map_err(|error| format!("holds a damaged histogram: {error}"))?;
        match found.iter_mut().find(|(name, _)| name == tag) {
            Some((_, sum)) => {
                sum.add(histogram).map_err(|error| format!("holds unlike histograms: {error}"))?;
            }
            None => found.push((tag.to_owned(), histogram)),
        }
    }
    Ok(found)
}

/// A histogram as it is before compression. What it inflates to and how many counts it announces is looked at first: some
/// hundred bytes can announce gigabytes.
fn inflated(bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    let plain = if bytes.starts_with(&COMPRESSED) {
        let mut plain = Vec::new();
        let packed = bytes.get(COMPRESSED_HEADER..).unwrap_or_default();
        ZlibDecoder::new(packed)
            .take(LARGEST + 1)
            .read_to_end(&mut plain)
            .map_err(|error| format!("holds a damaged histogram: {error}"))?;
        plain
    } else {
        bytes
    };
    if plain.len() as u64 > LARGEST {
        return Err(format!("holds a histogram of more than {} MiB", LARGEST >> 20));
    }
    let announced = plain.get(4..8).and_then(|word| word.try_into().ok()).map(u32::from_be_bytes);
    match announced {
        Some(length) if length as usize <= plain.len().saturating_sub(HEADER) => Ok(plain),
        Some(length) => Err(format!(
            "holds a histogram that announces {length} bytes of counts and has {}",
            plain.len().saturating_sub(HEADER)
        )),
        None => Err("holds a histogram without a header".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::ZlibEncoder;
    use std::io::Write;

    fn log(histogram: &[u8]) -> String {
        format!("#[StartTime: 0]\nTag=x,0.0,1.0,1.0,{}\n", STANDARD.encode(histogram))
    }

    #[test]
    fn a_histogram_that_announces_or_inflates_to_gigabytes_is_refused() {
        let mut bomb = ZlibEncoder::new(Vec::new(), Compression::best());
        for _ in 0..200 {
            bomb.write_all(&vec![0; 1 << 20]).unwrap();
        }
        let mut bytes = COMPRESSED.to_vec();
        let packed = bomb.finish().unwrap();
        bytes.extend(u32::try_from(packed.len()).unwrap().to_be_bytes());
        bytes.extend(packed);
        assert!(bytes.len() < 300_000);
        let said = read_hlog(log(&bytes).as_bytes()).unwrap_err();
        assert!(said.contains("more than 64 MiB"), "{said}");
        let mut header = [0; HEADER];
        header[..4].copy_from_slice(&[0x1c, 0x84, 0x93, 0x13]);
        header[4..8].copy_from_slice(&0x7fff_ffff_u32.to_be_bytes());
        let said = read_hlog(log(&header).as_bytes()).unwrap_err();
        assert!(said.contains("announces 2147483647 bytes"), "{said}");
        assert!(read_hlog(log(b"x").as_bytes()).unwrap_err().contains("header"));
        assert!(read_hlog(b"Tag=x,0.0,1.0,1.0,HISTFnonsense\n").is_err());
    }
}
