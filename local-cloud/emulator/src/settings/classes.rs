//! The instance classes. Guide, DB instance classes.

/// Each family with its sizes.
const FAMILIES: &[(&[&str], &[&str])] = &[
    (&["t3", "t4g"], &["micro", "small", "medium", "large", "xlarge", "2xlarge"]),
    (
        &["m5", "m6i", "m6id", "m6in", "m6idn", "m7i", "r5", "r6i", "r6id", "r6in", "r6idn", "r7i"],
        &["large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge", "32xlarge"],
    ),
    (
        &["m5d", "r5b", "r5d"],
        &["large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge"],
    ),
    (
        &["m6g", "m6gd", "m7g", "m8g", "r6g", "r6gd", "r7g", "r8g", "x2g"],
        &["large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge"],
    ),
    (&["m8g", "r8g"], &["24xlarge", "48xlarge"]),
    (&["x2idn", "x2iedn"], &["16xlarge", "24xlarge", "32xlarge"]),
    (&["x2iedn"], &["xlarge", "2xlarge", "4xlarge", "8xlarge"]),
    (&["t2"], &["micro", "small", "medium", "large", "xlarge", "2xlarge"]),
    (&["m4", "r4"], &["large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "16xlarge"]),
];

/// Every class.
pub fn all_classes() -> impl Iterator<Item = String> {
    let of = |(families, sizes): &'static (&[&str], &[&str])| {
        families.iter().flat_map(move |family| sizes.iter().map(move |size| format!("db.{family}.{size}")))
    };
    FAMILIES.iter().flat_map(of)
}

/// Whether there is such a class.
pub fn is_class(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    let ["db", family, size] = parts[..] else { return false };
    FAMILIES.iter().any(|(families, sizes)| families.contains(&family) && sizes.contains(&size))
}

#[cfg(test)]
mod tests {
    use super::is_class;

    #[test]
    fn a_class_has_a_family_and_a_size_that_exist() {
        for class in ["db.t4g.micro", "db.m6i.large", "db.r6g.large", "db.r8g.48xlarge", "db.x2iedn.xlarge"] {
            assert!(is_class(class), "{class}");
        }
        for odd in
            ["db.m99.huge", "db.m6i", "m6i.large", "db.t3.48xlarge", "db.m6i.large.tpc1", "db..", "large"]
        {
            assert!(!is_class(odd), "{odd}");
        }
    }
}
