//! Usage over time from the command line.

use serde_json::json;

use crate::common::{Folder, Server, list};

#[test]
fn a_series_is_cut_split_and_aggregated_as_asked() {
    let folder = Folder::new();
    let _server = Server::start(&folder);
    let key = folder.open_account("acme");
    let csv = "account,service,resource,quantity,unit,time,source,id,provider,dimension.region\n\
               acme,network,egress,5,bytes,2026-01-01T00:00:00Z,n,1,p,eu\n\
               acme,network,egress,7,bytes,2026-01-01T23:30:00Z,n,2,q,us\n\
               acme,network,egress,1,bytes,2026-01-02T12:00:00Z,n,3,q,eu\n\
               acme,storage,stored_data,3,bytes,2026-01-01T12:00:00Z,n,4,p,eu\n";
    let path = folder.write("usage.csv", csv);
    folder.synor(&["usage", "import"]).arg(&path).ok();
    let rows = |line: &str| {
        let rows = folder.type_in(line).key(&key).csv();
        let text = |row: &std::collections::BTreeMap<String, String>| {
            format!("{} {} {}", row["start"], row["group"], row["quantity"])
        };
        rows.iter().map(text).collect::<Vec<_>>()
    };
    // Two days from 2026-01-01 (1767225600), and the same hours as Berlin cuts them.
    let two_days = "--start 2026-01-01T00:00:00Z --end 2026-01-03T00:00:00Z";
    let egress = format!("usage series {two_days} --resource network.egress");
    assert_eq!(rows(&egress), ["1767225600  12", "1767312000  1"]);
    let berlin = rows(&format!("{egress} --zone Europe/Berlin"));
    assert_eq!(berlin, ["1767225600  5", "1767308400  8", "1767394800  0"]);
    let by_region = rows(&format!("{egress} --step whole --by region"));
    assert_eq!(by_region, ["1767225600 eu 6", "1767225600 us 7"]);
    let maximum = rows(&format!(
        "{egress} --aggregate maximum --by provider --step whole"
    ));
    assert_eq!(maximum, ["1767225600 p 5", "1767225600 q 7"]);
    let unique = rows(&format!("{egress} --aggregate unique:region"));
    assert_eq!(unique, ["1767225600  2", "1767312000  1"]);
    let hours = format!("usage series {two_days} --step hour");
    assert_eq!(folder.type_in(&hours).key(&key).csv().len(), 2 * 48);
    let peak =
        format!("usage series {two_days} --resource storage.stored_data --aggregate maximum");
    let peak = folder.type_in(&peak).key(&key).csv();
    assert_eq!(
        (peak[1]["quantity"].as_str(), peak[1]["unit"].as_str()),
        ("3", "bytes")
    );

    let json = folder
        .type_in("usage series --period 2026-01")
        .key(&key)
        .json();
    assert_eq!(list(&json["steps"]).len(), 31);
    assert_eq!(json["lines"][0]["resource"], json!("storage.stored_data"));
    let empty = folder
        .type_in("usage series --period 2025-01")
        .key(&key)
        .ok();
    assert!(empty.contains("Nothing was used"), "{empty}");
    folder
        .type_in("usage series --aggregate mean")
        .refused(&["mean"]);
    folder
        .type_in("usage series --zone Mars/Base")
        .refused(&["Mars/Base"]);
}
