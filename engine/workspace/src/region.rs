//! Names of AWS regions and Azure locations.

/// What a name looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// On the list below.
    Known,
    /// Well-formed, so perhaps newer than the list.
    Unknown,
    /// Cannot be one.
    Wrong,
}

/// AWS regions of all partitions. Source: botocore's `partitions.json`.
pub(crate) const AWS: [&str; 44] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-isoe-west-1",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eusc-de-east-1",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-iso-east-1",
    "us-iso-west-1",
    "us-isob-east-1",
    "us-isof-south-1",
    "us-west-1",
    "us-west-2",
];

/// Azure locations. Source: `az account list-locations`, Azure's list of regions.
pub(crate) const AZURE: [&str; 62] = [
    "australiacentral",
    "australiacentral2",
    "australiaeast",
    "australiasoutheast",
    "austriaeast",
    "belgiumcentral",
    "brazilsouth",
    "brazilsoutheast",
    "canadacentral",
    "canadaeast",
    "centralindia",
    "centralus",
    "chilecentral",
    "chinaeast",
    "chinaeast2",
    "chinanorth",
    "chinanorth2",
    "chinanorth3",
    "eastasia",
    "eastus",
    "eastus2",
    "francecentral",
    "francesouth",
    "germanynorth",
    "germanywestcentral",
    "indonesiacentral",
    "israelcentral",
    "italynorth",
    "japaneast",
    "japanwest",
    "jioindiacentral",
    "jioindiawest",
    "koreacentral",
    "koreasouth",
    "malaysiawest",
    "mexicocentral",
    "newzealandnorth",
    "northcentralus",
    "northeurope",
    "norwayeast",
    "norwaywest",
    "polandcentral",
    "qatarcentral",
    "southafricanorth",
    "southafricawest",
    "southcentralus",
    "southeastasia",
    "southindia",
    "spaincentral",
    "swedencentral",
    "switzerlandnorth",
    "switzerlandwest",
    "uaecentral",
    "uaenorth",
    "uksouth",
    "ukwest",
    "westcentralus",
    "westeurope",
    "westindia",
    "westus",
    "westus2",
    "westus3",
];

/// What an AWS region's name looks like: two or more words of letters and a number.
pub(crate) fn aws(name: &str) -> Shape {
    if AWS.contains(&name) {
        return Shape::Known;
    }
    let parts: Vec<&str> = name.split('-').collect();
    let well_formed = match parts.as_slice() {
        [first, middle @ .., number] => {
            first.len() >= 2
                && !middle.is_empty()
                && letters(first)
                && middle.iter().all(|part| letters(part))
                && (1..=2).contains(&number.len())
                && number.bytes().all(|b| b.is_ascii_digit())
        }
        _ => false,
    };
    if well_formed {
        Shape::Unknown
    } else {
        Shape::Wrong
    }
}

/// The AWS partition that a region is in: each has credentials, ARNs and an STS of its own. None
/// where it is no region's name.
///
/// Source: botocore's `partitions.json`, `regionRegex`.
#[must_use]
pub fn partition(region: &str) -> Option<&'static str> {
    const BY_BEGINNING: [(&str, &str); 7] = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-isob-", "aws-iso-b"),
        ("us-isof-", "aws-iso-f"),
        ("us-iso-", "aws-iso"),
        ("eu-isoe-", "aws-iso-e"),
        ("eusc-", "aws-eusc"),
    ];
    if aws(region) == Shape::Wrong {
        return None;
    }
    let other = BY_BEGINNING
        .iter()
        .find(|(start, _)| region.starts_with(start));
    Some(other.map_or("aws", |(_, partition)| partition))
}

/// What an Azure location's name looks like: lower-case letters, then perhaps digits among them.
pub(crate) fn azure(name: &str) -> Shape {
    if AZURE.contains(&name) {
        Shape::Known
    } else if name.len() >= 4
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    {
        Shape::Unknown
    } else {
        Shape::Wrong
    }
}

fn letters(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted_and_well_formed() {
        assert!(AWS.is_sorted());
        assert!(AZURE.is_sorted());
        for name in AWS {
            assert_eq!(
                aws(&name.replace('1', "9")),
                if name.contains('1') {
                    Shape::Unknown
                } else {
                    Shape::Known
                }
            );
        }
    }

    #[test]
    fn regions_are_in_their_partitions() {
        for (region, wanted) in [
            ("eu-west-1", Some("aws")),
            ("us-gov-west-1", Some("aws-us-gov")),
            ("cn-north-1", Some("aws-cn")),
            ("us-iso-east-1", Some("aws-iso")),
            ("us-isob-east-1", Some("aws-iso-b")),
            ("eu-isoe-west-1", Some("aws-iso-e")),
            ("us-isof-south-1", Some("aws-iso-f")),
            ("eusc-de-east-1", Some("aws-eusc")),
            ("xx-new-1", Some("aws")),
            ("nowhere", None),
        ] {
            assert_eq!(partition(region), wanted, "{region}");
        }
    }

    #[test]
    fn tells_shapes_apart() {
        assert_eq!(aws("eu-west-1"), Shape::Known);
        assert_eq!(aws("xx-middle-12"), Shape::Unknown);
        for wrong in [
            "",
            "-",
            "eu-west",
            "eu-1",
            "EU-west-1",
            "eu--1",
            "eu-west-1a",
            "eu west 1",
            "e-west-1",
            "eu-west-123",
        ] {
            assert_eq!(aws(wrong), Shape::Wrong, "{wrong}");
        }
        assert_eq!(azure("westeurope"), Shape::Known);
        assert_eq!(azure("eastus2euap"), Shape::Unknown);
        for wrong in ["", "West Europe", "eu-west-1", "2us", "us"] {
            assert_eq!(azure(wrong), Shape::Wrong, "{wrong}");
        }
    }
}
