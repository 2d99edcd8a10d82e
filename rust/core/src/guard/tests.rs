use super::{Difference, Guard};
#[test]
fn first() {
    let guard = Guard::new();
    assert_eq!(guard.between("列出五种水果", "请列举5种水果"), None);
}
