use super::*;

const FIVE_DIGITS: &str = "\
+------------------------------------------------------------------------------------------------+
| npu-smi 25.5.1                   Version: 25.5.1                                               |
+---------------------------+---------------+----------------------------------------------------+
| NPU   Name                | Health        | Power(W)    Temp(C)           Hugepages-Usage(page)|
| Chip                      | Bus-Id        | AICore(%)   Memory-Usage(MB)  HBM-Usage(MB)        |
+===========================+===============+====================================================+
| 2     910B3               | OK            | 102.8       45                0    / 0             |
| 0                         | 0000:81:00.0  | 0           0    / 0          3445 / 65536         |
+===========================+===============+====================================================+
| 5     910B3               | Alarm         | 97.1        44                0    / 0             |
| 0                         | 0000:02:00.0  | 37          0    / 0          35738/ 65536         |
+===========================+===============+====================================================+
+---------------------------+---------------+----------------------------------------------------+
| NPU     Chip              | Process id    | Process name             | Process memory(MB)      |
+===========================+===============+====================================================+
| No running processes found in NPU 2                                                            |
+===========================+===============+====================================================+
| 5       0                 | 2290156       |                          | 32630                   |
+===========================+===============+====================================================+
";

/// Two dies per card, in a table that is wider and has a fifth column of processes.
const TWO_DIES: &str = "\
+------------------------------------------------------------------------------------------------------------------+
| npu-smi 26.0.rc2                           Version: 26.0.rc2                                                      |
+-------------------------------+-----------------+----------------------------------------------------------------+
| NPU     Name                  | Health          | Power(W)     Temp(C)             Hugepages-Usage(page)         |
| Chip    Phy-ID                | Bus-Id          | AICore(%)    Memory-Usage(MB)    HBM-Usage(MB)                 |
+===============================+=================+================================================================+
| 7       Ascend910             | OK              | 181.4        36                  0    / 0                      |
| 0       14                    | 0000:9D:00.0    | 0            0    / 0            3447 / 65536                  |
+------------------------------------------------------------------------------------------------------------------+
| 7       Ascend910             | OK              | -            35                  0    / 0                      |
| 1       15                    | 0000:9F:00.0    | 0            0    / 0            3188 / 65536                  |
+===============================+=================+================================================================+
+-------------------------------+-----------------+----------------------------------------------------------------+
| NPU     Chip                  | Process id      | Process name        | Process memory(MB)  | Process id in container |
+===============================+=================+================================================================+
| 7       1                     | 4242            | python3             | 1024                | 17                      |
+===============================+=================+================================================================+
";

#[test]
fn numbers_with_gaps_and_five_digits_without_a_blank() {
    let table = parse(FIVE_DIGITS).unwrap();
    assert_eq!(table.version, "25.5.1");
    let seen: Vec<_> = table.dies.iter().map(|die| (die.npu, die.chip, die.used, die.total, &*die.health)).collect();
    assert_eq!(seen, [(2, 0, 3445, 65536, "OK"), (5, 0, 35738, 65536, "Alarm")]);
    assert_eq!(table.processes.len(), 1);
    assert_eq!(table.processes[0].to_string(), "? (pid 2290156, NPU 5 chip 0, 32630 MB)");
}

#[test]
fn two_dies_per_card_in_a_wide_table() {
    let table = parse(TWO_DIES).unwrap();
    let seen: Vec<_> = table.dies.iter().map(|die| (die.npu, die.chip, die.physical, die.used)).collect();
    assert_eq!(seen, [(7, 0, Some(14), 3447), (7, 1, Some(15), 3188)]);
    assert_eq!(table.dies[1].name, "Ascend910");
    assert_eq!(table.processes[0].memory, 1024);
}

/// A chip whose memory is not HBM.
#[test]
fn memory_that_is_not_hbm() {
    let text = TWO_DIES.replace("0    / 0            3447 / 65536", "1684 / 21527        0    / 0    ");
    assert_eq!(parse(&text).map(|table| (table.dies[0].used, table.dies[0].total)), Some((1684, 21527)));
}

#[test]
fn what_is_no_table_has_no_cards() {
    for text in ["", "npu-smi 25.5.1 Version: 25.5.1", "| NPU |", "| 0 910B3 | OK | 1 |\n| Version: 1 | 2 | 3 |"] {
        assert_eq!(parse(text), None, "{text}");
    }
}
