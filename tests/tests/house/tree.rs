//! The files of the checkout, without asking git, which a build machine may lack.

use std::fs;
use std::path::Path;

/// A text file of ours.
pub(crate) struct File {
    /// From the root of the checkout, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// Every text file under `root` but those of git and those that the root's `.gitignore` names.
///
/// That file must hold only paths from the root, such as `/target`; anything else is a panic.
pub(crate) fn files(root: &Path) -> Vec<File> {
    let listed = fs::read_to_string(root.join(".gitignore")).expect("the root has a .gitignore");
    let ignored: Vec<&str> = std::iter::once(".git")
        .chain(listed.lines().map(from_root))
        .collect();

    let mut files = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder)).expect("a folder of the checkout can be read") {
            let entry = entry.expect("an entry of a folder can be read");
            let name = entry.file_name().into_string().expect("our names are UTF-8");
            let path = if folder.is_empty() {
                name
            } else {
                format!("{folder}/{name}")
            };
            if ignored.contains(&path.as_str()) {
                continue;
            }
            if entry.file_type().expect("an entry has a type").is_dir() {
                folders.push(path);
            } else if let Ok(text) = fs::read_to_string(entry.path()) {
                files.push(File { path, text });
            }
        }
    }
    files
}

fn from_root(line: &str) -> &str {
    line.strip_prefix('/')
        .expect(".gitignore holds paths from the root, one a line")
}
