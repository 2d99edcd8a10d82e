use super::*;
use crate::batch::{Batch, Role, Turns};

struct Kept(Batch);

impl Rows for Kept {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn read<'a>(&'a self, row: u32, _: &'a mut RowScratch) -> (Turns<'a>, usize) {
        (self.0.view(), row as usize)
    }

    fn keep_order(&self, left: u32, right: u32) -> std::cmp::Ordering {
        left.cmp(&right)
    }
}

fn rows(texts: &[(&str, &str)]) -> Kept {
    let mut batch = Batch::default();
    for (asked, answer) in texts {
        let turns = [(Role::User, asked), (Role::Assistant, answer)];
        batch.push_turns(turns.iter().map(|&(role, text)| (role as i8, text.as_bytes())));
    }
    Kept(batch)
}

const SETTINGS: Settings = Settings { ngram: 13, common_texts: 10, answers: true, shortest_answer: 40 };

fn found(against: &[(&str, &str)], data: &[(&str, &str)]) -> Result<Vec<Match>, Cancelled> {
    let progress = Progress::default();
    let evaluation = Evaluation::new(&rows(against), SETTINGS, &progress)?;
    find(&evaluation, &rows(data), None, &progress)
}

#[test]
fn copies_are_found_with_their_place() -> Result<(), Cancelled> {
    let against = [("请用三句话介绍一下中国古代的四大发明。", ""), ("1＋1=？", "")];
    let data = [
        ("请用三句话介绍一下中国古代的四大发明。", "好"),
        ("翻译：请用三句话，介绍一下 中国古代的四大发现！谢谢", "好"),
        ("介绍一下中国的历史。", "请用五句话介绍一下德国近代的四大城市"),
        ("1+1=?", "2"),
        ("1-1=?", "0"),
        ("写一首诗", "1+1=?"),
    ];
    let found = found(&against, &data)?;
    let short: Vec<_> = found.iter().map(|one| (one.row, one.turn, one.start, one.end)).collect();
    assert_eq!(short, [(0, 0, 0, 18), (1, 0, 3, 23), (3, 0, 0, 4)]);
    assert_eq!((found[0].ngrams, found[0].run, found[0].covered, found[0].similarity), (6, 18, 1.0, 1.0));
    assert_eq!((found[1].ngrams, found[1].similarity), (5, 1.0 - 1.0 / 18.0));
    Ok(())
}
