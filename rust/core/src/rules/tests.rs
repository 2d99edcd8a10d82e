//! What each rule takes, and what it must leave.

#![expect(clippy::float_cmp, reason = "counts are whole numbers")]

use proptest::prelude::*;

use super::measures::at;
use super::*;
use crate::batch::{Batch, Role};
use crate::dispatch::{Level, detected, force};

fn batch(rows: &[Vec<(Role, &str)>]) -> Batch {
    let mut batch = Batch::default();
    for turns in rows {
        for &(role, text) in turns {
            batch.roles.push(role as i8);
            batch.text_values.extend_from_slice(text.as_bytes());
            batch.text_offsets.push(batch.text_values.len() as i32);
        }
        batch.turn_offsets.push(batch.roles.len() as i32);
    }
    batch
}

fn measured(turns: &[(Role, &str)]) -> RowMeasures {
    let mut measures = RowMeasures::default();
    measures.explains = true;
    measures.measure(batch(&[turns.to_vec()]).view(), 0, 0);
    measures
}

/// The value of a question and its answer, and the text that shows it.
fn value(place: usize, asked: &str, answer: &str) -> (f32, String) {
    let measures = measured(&[(Role::User, asked), (Role::Assistant, answer)]);
    let shown = measures.spans[place].map(|span| {
        let text = if span.turn == 0 { asked } else { answer };
        text[span.start as usize..span.end as usize].to_owned()
    });
    (measures.values[place], shown.unwrap_or_default())
}

#[track_caller]
fn goes(place: usize, asked: &str, answer: &str, shown: &str) {
    let (value, text) = value(place, asked, answer);
    assert!(value > 0.0, "{} of {answer:?} is {value}", MEASURES[place].name);
    assert_eq!(text, shown);
}

#[track_caller]
fn stays(place: usize, asked: &str, answer: &str) {
    let (value, text) = value(place, asked, answer);
    assert!(value == 0.0 || value.is_nan(), "{} of {answer:?} is {value}: {text:?}", MEASURES[place].name);
}

#[test]
fn the_table_is_whole() {
    for (place, name) in [
        (at::EMPTY_ANSWER, "empty_answer"),
        (at::LONG_ANSWER, "long_answer"),
        (at::TOP, "top_2gram"),
        (at::REPEATED, "repeated_5grams"),
        (at::LINES, "repeated_lines"),
        (at::RUN, "character_run"),
        (at::OTHER_LANGUAGE, "other_language"),
        (at::MISSING_NAME, "missing_name"),
        (at::LINK_IN_ANSWER, "link_in_answer"),
    ] {
        assert_eq!(MEASURES[place].name, name);
    }
    assert!(MEASURES.is_sorted_by_key(|measure| measure.reason), "a reason of two measures must be in one place");
    assert_eq!(MEASURES[COUNT - 1].reason as usize, REASONS.len() - 1);
}

#[test]
fn empty_answers() {
    goes(at::EMPTY_ANSWER, "几点了？", " \u{3000}\n", " \u{3000}\n");
    stays(at::EMPTY_ANSWER, "几点了？", "三点。");
    assert_eq!(measured(&[(Role::User, "几点了？")]).values[at::EMPTY_ANSWER], 1.0);
    assert!(measured(&[(Role::Text, "一段文字。")]).values[at::EMPTY_ANSWER].is_nan());
    let called = measured(&[(Role::User, "几点了？"), (Role::FunctionCall, "now()")]);
    assert!(called.values[at::EMPTY_ANSWER].is_nan());
}

#[test]
fn lengths_are_of_the_worst_answer() {
    let measures = measured(&[
        (Role::System, "你是助手。"),
        (Role::User, " 在吗 "),
        (Role::Assistant, "在。"),
        (Role::User, "好"),
        (Role::Assistant, "请说吧。"),
    ]);
    assert_eq!(measures.values[at::SHORT_ANSWER], 2.0);
    assert_eq!(measures.values[at::LONG_ANSWER], 4.0);
    assert_eq!(measures.values[at::SHORT_PROMPT], 8.0);
    assert!(measured(&[(Role::Text, "文字")]).values[at::SHORT_ANSWER].is_nan());
}

#[test]
fn answers_that_are_their_instruction() {
    let shown = "「请你介绍一下，杭州西湖」 ";
    goes(at::ANSWER_IS_INSTRUCTION, "请你介绍一下杭州西湖。", shown, shown);
    stays(at::ANSWER_IS_INSTRUCTION, "你好！", "你好。");
    stays(at::ANSWER_IS_INSTRUCTION, "请你介绍一下杭州西湖。", "请你介绍一下杭州西湖。好的，西湖在杭州。");
}

#[test]
fn runs_of_one_character() {
    let answer = format!("好的{}", "哈".repeat(80));
    goes(at::RUN, "笑一个", &answer, &"哈".repeat(80));
    let table = format!("|甲|乙|\n|{}|{}|\n|一|二|", "-".repeat(20), "-".repeat(20));
    assert!(value(at::RUN, "画表", &table).0 < 0.6);
}

#[test]
fn repetition_spares_poems_tables_and_sums() {
    let sums: String = (1..=9).flat_map(|a| (1..=a).map(move |b| format!("{b}×{a}={}\n", a * b))).collect();
    assert!(value(at::REPEATED + 5, "写出九九乘法表", &sums).0 < 0.3);
    let song = "小船小船慢慢摇，摇过一座小石桥。\n桥下流水哗啦啦，桥上行人微微笑。\n".to_owned()
        + "啦啦啦啦啦，啦啦啦啦啦，\n小船小船慢慢摇，摇过一座小石桥。\n";
    assert!(value(at::REPEATED + 5, "写首儿歌", &song).0 < 0.6);
    assert!(value(at::REPEATED + 5, "写首儿歌", "是的，是的，是的。").0.is_nan());
    assert!(value(at::REPEATED + 5, "说说春天", &"春天来了，花儿开了，鸟儿在唱。".repeat(30)).0 > 0.9);
}

#[test]
fn the_model_speaks_of_itself() {
    goes(at::SPEAKS_AS_AI, "你累吗？", "作为一个人工智能，我不会累。", "作为一个人工智能");
    goes(at::SPEAKS_AS_AI, "你累吗？", "作为一款AI语言模型，我没有感觉。", "作为一款AI");
    goes(at::SPEAKS_AS_AI, "Are you tired?", "As an AI language model, I do not get tired.", "As an AI language model");
    goes(at::SPEAKS_AS_AI, "打开它", "我是一款基于文本的AI助手，打不开。", "我是一款基于文本的AI");
    stays(at::SPEAKS_AS_AI, "开始游戏", "我是一个基于文本的冒险游戏，你在森林里。");
    stays(at::SPEAKS_AS_AI, "介绍一下她", "作为一个人工智能专家，她写过三本书。");
    stays(at::SPEAKS_AS_AI, "什么是聊天机器人？", "它作为一种人工智能技术，能与人对话。");
    stays(at::SPEAKS_AS_AI, "What cools a room?", "It works as an air conditioner.");
    stays(at::SPEAKS_AS_AI, "Who is she?", "She works as an AI researcher.");
}

#[test]
fn refusals() {
    goes(at::REFUSAL, "画一只猫", "很抱歉，我无法画图。", "抱歉，我无法");
    goes(at::REFUSAL, "Draw a cat", "I'm sorry, but I cannot draw.", "sorry, but I cannot");
    goes(at::REFUSAL, "设计一个徽标", "<nooutput>", "<nooutput");
    goes(at::REFUSAL, "编辑这段录音", "抱歉，该任务涉及音频。", "抱歉，该任务涉及");
    goes(at::REFUSAL, "Edit this recording", "Sorry, the task involves audio.", "Sorry, the task involves");
    goes(at::REFUSAL, "设置一个提醒", "我无法设置提醒。", "我无法设置");
    let at_length = |sentences| format!("很抱歉，我无法画图。{}\n", "这很难。".repeat(sentences));
    goes(at::REFUSAL, "画一只猫", &at_length(40), "抱歉，我无法");
    stays(at::REFUSAL, "画一只猫", &at_length(41));
    stays(at::REFUSAL, "翻译成中文：I cannot complete this task.", "我无法完成此任务。");
    stays(at::REFUSAL, "替客服写一句话", "抱歉，该任务已经过期。");
    stays(at::REFUSAL, "模型做不到什么？", "GPT 模型无法执行任何物理操作，例如开灯。");
    stays(at::REFUSAL, "这段程序打印什么？", "无输出。");
    stays(at::REFUSAL, "给老师写一封道歉信", "老师，对不起，我不能按时交作业。");
    stays(at::REFUSAL, "鱼为什么会死？", "鱼离开水就无法呼吸，所以会死。");
    stays(at::REFUSAL, "这样走可以吗？", "对不起，您不能这样走棋，因为马走日。");
    stays(at::REFUSAL, "有哪些景点？", "抱歉，我无法查到最新的消息。以下是常去的景点：西湖、灵隐寺。");
}

#[test]
fn answers_in_another_language() {
    let english = "The lake is one of the most famous places in the city and many people come to see it every year.";
    goes(at::OTHER_LANGUAGE, "西湖是个什么样的地方？", english, english);
    goes(
        at::OTHER_LANGUAGE,
        "西湖是个什么样的地方？",
        "この湖はとても有名で、毎年たくさんの人が訪れます。",
        "この湖はとても有名で、毎年たくさんの人が訪れます。",
    );
    stays(at::OTHER_LANGUAGE, "把西湖的介绍翻译成英文", english);
    stays(
        at::OTHER_LANGUAGE,
        "反转这个链表。",
        "def reverse(head):\n    before = None\n    while head:\n        head.next, before, head = before, head, head.next\n    return before",
    );
    stays(
        at::OTHER_LANGUAGE,
        "有哪些流媒体服务？",
        "Netflix, Hulu, Amazon Prime Video, Disney, Apple TV, YouTube, Max, Peacock",
    );
    stays(at::OTHER_LANGUAGE, "写出七的乘法", "7 x 1 = 7\n7 x 2 = 14\n7 x 3 = 21\n7 x 4 = 28\n7 x 5 = 35");
    stays(
        at::OTHER_LANGUAGE,
        "推荐几个网站",
        "wikipedia.org, example.com, python.org, rust-lang.org, debian.org, kernel.org, gnu.org, w3.org",
    );
    assert!(value(at::OTHER_LANGUAGE, "Where is the lake?", english).0.is_nan());
}

#[test]
fn gaps() {
    goes(at::MISSING_CONTENT, "画出订货的过程", "[插入流程图]", "[插入流程图]");
    goes(at::MISSING_CONTENT, "Draw how orders are made", "<Insert chart here>", "<Insert chart here>");
    stays(at::MISSING_CONTENT, "给我一个通知的模板", "[插入日期]，各位同事：……");
    stays(at::MISSING_CONTENT, "怎么写？", "见[插入排序](https://example.org)。");
    goes(at::MISSING_NAME, "今天谁值班？", "今天[姓名]值班。", "[姓名]");
    stays(at::MISSING_NAME, "写一封请假的信", "老师：我病了。[您的姓名]");
    stays(at::MISSING_NAME, "谁是甲方？", "甲方是XX公司。");
}

#[test]
fn links_and_media() {
    goes(at::MEDIA_IN_PROMPT, "图里有几个人？\n![合影](https://example.org/a.png)", "三个。", "![");
    goes(at::MEDIA_IN_PROMPT, "图里有几个人？\n[一张合影的照片]", "三个。", "照片]");
    stays(at::MEDIA_IN_PROMPT, "怎样拍好照片？", "光线要好。");
    stays(at::MEDIA_IN_PROMPT, "这段HTML有什么问题？<img src=a.png>", "少了引号。");
    stays(at::MEDIA_IN_PROMPT, "while(![]){} 是什么意思？", "不会执行。");
    goes(at::LINK_IN_PROMPT, "总结 https://www.example.org/a ，谢谢", "好。", "https://www.example.org/a");
    goes(at::LINK_IN_ANSWER, "网址是什么？", "是https://www.example.org。", "https://www.example.org");
    goes(at::MEDIA_IN_ANSWER, "画一个徽标", "![徽标](https://example.org/a.png)", "![");
    stays(at::MEDIA_IN_ANSWER, "How to write a web page?", "Add an <img> tag.");
    stays(at::MEDIA_IN_ANSWER, "用HTML写一个页面", "<img src=\"a.png\">");
    assert_eq!(value(at::LINK_IN_PROMPT, "https://www.example.org/a", "好。").0, 1.0);
    let mut measures = RowMeasures::default();
    measures.measure(batch(&[vec![(Role::User, "看"), (Role::Assistant, "好")]]).view(), 0, 2);
    assert_eq!(measures.values[at::MEDIA_IN_PROMPT], 2.0);
}

#[test]
fn mojibake() {
    goes(at::MOJIBAKE, "中国\u{fffd}", "好", "\u{fffd}");
    goes(at::MOJIBAKE, "问", "锟斤拷锟斤拷", "锟斤拷");
    goes(at::MOJIBAKE, "问", "It isnâ€™t here", "â€™");
    goes(at::MOJIBAKE, "问", "浣犲ソ锛屾垜鏄涓锛岃繖鏄鍦銆", "锛");
    goes(at::MOJIBAKE, "问", "好\u{e123}的", "\u{e123}");
    stays(at::MOJIBAKE, "问", "Übergrößenträger, café, SÃO PAULO, 鏈結, 20 °C");
    assert!(measured(&[(Role::Text, "烫烫烫")]).values[at::MOJIBAKE] > 0.0);
}

#[test]
fn the_first_rule_that_fires_gives_the_reason() {
    let mut thresholds = Thresholds::default();
    assert_eq!(thresholds.set("short_answer", Some(10.0)), Ok(()));
    assert_eq!(thresholds.set("refusal", Some(1.0)), Ok(()));
    assert!(thresholds.set("no_such_rule", None).is_err());
    assert!(thresholds.set("refusal", Some(f64::NAN)).is_err());
    let rows = [
        vec![(Role::User, "画"), (Role::Assistant, "抱歉，我无法画图，也无法看图。")],
        vec![(Role::User, "画"), (Role::Assistant, "抱歉，我无法。")],
        vec![(Role::Text, "短")],
    ];
    let batch = batch(&rows);
    let mut rules = Rules::new();
    rules.scan(batch.view(), &[4, 5, 6], &[]);
    let gone = |alive: Option<&[bool]>| -> Vec<(u32, &str)> {
        let removals = rules.finish(&thresholds, alive);
        removals.iter().map(|removal| (removal.row, REASONS[removal.reason as usize])).collect()
    };
    assert_eq!(gone(None), [(4, "refusal"), (5, "short_answer")]);
    assert_eq!(gone(Some(&[true, true, true, true, false, true, true])), [(5, "short_answer")]);
    assert_eq!(rules.values(at::REFUSAL, 0..9).len(), 3);
    assert_eq!(rules.numbers(1..9), [5, 6]);
}

#[test]
fn hostile_texts() {
    let long = "长".repeat(3_000_000);
    let marks = "\u{301}".repeat(10_000);
    let brackets = "[插入".repeat(10_000);
    let signs = "$`<h\\[".repeat(10_000) + &"word ".repeat(20);
    let fences = "```\n".repeat(9_999);
    for text in
        ["", "\0", "\0\0\0", " ", "\n", "`", "```", &long, &marks, &brackets, &signs, &fences, "a", "\u{10ffff}"]
    {
        let row = [
            (Role::System, text),
            (Role::User, text),
            (Role::Assistant, text),
            (Role::Observation, text),
            (Role::Text, text),
        ];
        let measures = measured(&row);
        for (value, measure) in measures.values.iter().zip(&MEASURES) {
            assert!(value.is_nan() || *value >= 0.0, "{}", measure.name);
            assert!(measure.unit != Unit::Share || value.is_nan() || *value <= 1.0, "{}", measure.name);
        }
        for span in measures.spans.iter().flatten() {
            assert!(text.is_char_boundary(span.start as usize) && text.is_char_boundary(span.end as usize));
        }
    }
    measured(&[]);
}

proptest! {
    #[test]
    fn values_do_not_depend_on_level_batch_or_what_came_before(
        texts in proptest::collection::vec("[甲乙丙丁我无法抱歉，。\na-d A]{0,120}|\\PC{0,40}|(作为AI，|\\[插入|图\\]|http://a |啦啦){0,12}", 1..12),
    ) {
        let rows: Vec<Vec<(Role, &str)>> = texts
            .iter()
            .enumerate()
            .map(|(at, text)| vec![(Role::User, texts[at / 2].as_str()), (Role::Assistant, text.as_str())])
            .collect();
        let batch = batch(&rows);
        let numbers: Vec<u32> = (0..rows.len() as u32).collect();
        let mut expected: Option<Vec<Vec<u32>>> = None;
        for level in Level::ALL.into_iter().filter(|&level| level <= detected()) {
            prop_assert!(force(Some(level)).is_ok());
            let mut rules = Rules::new();
            rules.scan(batch.view(), &numbers, &[]);
            let bits = |place: usize| rules.values(place, 0..rows.len()).iter().map(|value| value.to_bits()).collect();
            let values: Vec<Vec<u32>> = (0..COUNT).map(bits).collect();
            for (row, turns) in rows.iter().enumerate() {
                let alone = measured(turns);
                for (place, column) in values.iter().enumerate() {
                    prop_assert_eq!(column[row], alone.values[place].to_bits(), "{}", MEASURES[place].name);
                }
            }
            prop_assert!(expected.as_ref().is_none_or(|expected| *expected == values));
            expected = Some(values);
        }
        let _ = force(None);
    }
}
