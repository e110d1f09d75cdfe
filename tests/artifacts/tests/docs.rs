//! What the documents say of the tests is so: every test that they name is there.

use std::{collections::BTreeMap, fs, path::Path};

/// The documents that name tests as `file:test`.
const DOCUMENTS: [&str; 1] = ["docs/security.md"];

#[test]
fn every_test_that_a_document_names_is_there() {
    let tests = sources(&scrip_artifacts::root().join("tests"));
    for document in DOCUMENTS {
        let text = fs::read_to_string(scrip_artifacts::root().join(document)).unwrap();
        let references: Vec<_> = text.split('`').skip(1).step_by(2).filter_map(reference).collect();
        assert!(references.len() > 50, "{document} names {} tests", references.len());
        for (file, test) in references {
            let source = tests.get(file).unwrap_or_else(|| panic!("{document}: there is no {file}"));
            let there =
                ["function ", "fn "].iter().any(|keyword| source.contains(&format!("{keyword}{test}(")));
            assert!(there, "{document}: {file} has no {test}");
        }
    }
}

/// The file and the test that a quoted text names, if it names one.
fn reference(quoted: &str) -> Option<(&str, &str)> {
    let (file, test) = quoted.split_once(':')?;
    (file.ends_with(".t.sol") || file.ends_with(".rs")).then_some((file, test))
}

/// The text of every source below a folder, by the file's name.
fn sources(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")) {
        let (path, name) = (entry.path(), entry.file_name().into_string().expect("a name"));
        if path.is_dir() {
            found.append(&mut sources(&path));
        } else if name.ends_with(".sol") || name.ends_with(".rs") {
            found.insert(name, fs::read_to_string(path).expect("a text"));
        }
    }
    found
}
