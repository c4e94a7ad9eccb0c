use super::*;

fn said(pickle: &[u8]) -> String {
    Pickle::read(pickle).unwrap_err()
}

#[test]
fn what_a_pickle_should_not_do_is_an_error() {
    assert!(said(b"\x80\x02S'text'\n.").contains("opcode 0x53"));
    assert!(said(b"\x80\x09.").contains("protocol 9"));
    assert!(said(b"\x80\x02h\x05.").contains("recalls"));
    assert!(said(b"\x80\x02X\xff\xff\xff\xff.").contains("cut short"));
    assert!(said(b"\x80\x02(\x85.").contains("lacks a value"), "a mark is no value");
    // A call is written down, and not made.
    let pickle = Pickle::read(b"\x80\x02cos\nsystem\nX\x04\0\0\0true\x85R.").unwrap();
    assert_eq!(pickle.object(pickle.root).unwrap().1, ("os", "system"));
}

#[test]
fn what_is_written_is_read() {
    let mut out = Writer::new(4);
    out.tuple(|out| {
        out.int(7).int(-1).int(1 << 40).float(-2.5).text("ü").bool(true).none();
        out.list(|out| {
            out.int(1);
        });
        out.dict(|out| {
            out.text("a").text("b");
        });
        out.global("torch", "Size").called(|out| {
            out.tuple(|out| {
                out.int(3).int(4);
            });
        });
    });
    let bytes = out.finish();
    let pickle = Pickle::read(&bytes).unwrap();
    let items = pickle.items(pickle.root).unwrap();
    let nodes: Vec<&Node> = items.iter().map(|id| pickle.node(*id)).collect();
    assert_eq!(nodes[..3], [&Node::Int(7), &Node::Int(-1), &Node::Int(1 << 40)]);
    assert_eq!(nodes[3..7], [&Node::Float(-2.5), &Node::Text("ü"), &Node::Bool(true), &Node::None]);
    assert_eq!(pickle.items(items[7]).unwrap().len(), 1);
    assert_eq!(pickle.dict(items[8]).unwrap().len(), 1);
    assert_eq!(pickle.sizes(items[9]), Some(vec![3, 4]));
}
