use std::sync::LazyLock;

use jieba_rs::Jieba;
use proptest::prelude::*;

use super::*;

static JIEBA: LazyLock<Jieba> = LazyLock::new(Jieba::new);

fn cut(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let words_of = ContentWords::shared().dictionary();
    words_of.cut(text, &mut CutBuffers::default(), |token| words.push(&text[token.start..token.end]));
    words
}

fn by_jieba(text: &str) -> Vec<&str> {
    JIEBA.cut(text, false).iter().map(|token| token.word).collect()
}

#[test]
fn the_words_are_those_of_jieba() {
    let long = "南京市长江大桥研究生命起源".repeat(500);
    let mixed = "C++和c#语言，AT&T 4S店 3.14% a_b-c\r\n\r\nγ射线 𠀀𠀁 한국어 ｶﾅ ①".repeat(100);
    for text in ["", "\n", "\r\n", "a", "中", "abc网球拍卖会def", "江南Style江南style 江南STYLE", &long, &mixed]
    {
        assert_eq!(cut(text), by_jieba(text), "{text:.50}");
    }
}

#[test]
fn every_word_of_the_dictionary_is_found_and_spelled() {
    let dictionary = ContentWords::shared().dictionary();
    let mut words = 0;
    for number in dictionary.numbers() {
        let word = dictionary.word(number);
        assert!(JIEBA.has_word(&word), "{word:?}");
        assert_eq!(dictionary.number(&word), Some(number).filter(|_| !word.starts_with('γ')), "{word:?}");
        words += 1;
    }
    assert_eq!(words, 349_045);
    assert!(dictionary.places() < 1 << 20, "{}", dictionary.places());
    assert_eq!(
        (dictionary.number(""), dictionary.number("不存在的词"), dictionary.word(0)),
        (None, None, String::new())
    );
    assert_eq!(dictionary.word(u32::MAX), "");
}

proptest! {
    #[test]
    fn any_text_is_cut_as_by_jieba(text in "\\PC{0,80}") {
        prop_assert_eq!(cut(&text), by_jieba(&text));
    }

    #[test]
    fn frequent_characters_too(text in "([的一是不了人我在有他这中大来上国个到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可她里后小么心多天而能好都然没日于起还发成事只作当想看文无开手十用主行方又如前所本见经头面公同三已老从动两长知民样现分将外但身些与高意进把法此实回二理美点月明其种声全工己话儿者向情部正名定女问力机给等几很业最间新什打便位因重被走电四第门相次东政海口使教西再平真听世气信北少关并内加化由却代军产入先山五太水万市眼体别处总才场师书比住员九笑性通目华报立马命张活难神数件安表原车白应路期叫死常提感金何更反合放做系计或司利受光王果亲界及今京务制解各任至清物台象记边共风战干接它许八特觉望直服毛林题建南度统色字请交爱让认算论百吃义科怎元社术结六功指思非流每青管夫连远资队跟带花快条院变联权往展该领传近留红治决周保达办运武半候七必城父强步完革深区即求品士转量空甚众技轻程告江语英基派满式李息写呢识极令黄德收脸钱党倒未持取设始版双历越史商千片容研像找友孩站广改议形委早房音火际则首单据导影失拿网香似斯专石若兵弟谁校读志飞观争究包组造落视济喜离虽坏田医aA1+#&. \r\n，。]{0,60})") {
        prop_assert_eq!(cut(&text), by_jieba(&text));
    }
}

#[test]
fn function_words_numbers_and_marks_say_nothing() {
    let text = "请写一首关于春天的诗，using Rust and C++; 2024年 abc123 A 一百 4S店 4s店";
    let (words, mut content) = (ContentWords::shared(), Vec::new());
    words.dictionary().cut(text, &mut CutBuffers::default(), |token| {
        content.extend(words.of(text, token).map(|content| match content {
            Content::Known(number) => words.dictionary().word(number),
            Content::Foreign(word) => word.to_lowercase(),
        }));
    });
    assert_eq!(content, ["写", "春天", "诗", "using", "rust", "c++", "abc123", "4s店", "4s店"]);
}

#[test]
fn stop_words_are_words() {
    let words = ContentWords::shared();
    let unknown: Vec<&str> =
        words.stop_words().filter(|word| !word.is_ascii() && words.dictionary().number(word).is_none()).collect();
    assert!(words.stop_words().count() > 700);
    assert!(unknown.len() < 20, "{unknown:?}");
}
