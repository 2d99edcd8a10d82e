use super::{Difference, Guard, Marks};

/// Pairs that a sentence embedding finds close, and what keeps them apart: `-` for nothing.
const PAIRS: &[(&str, &str, &str)] = &[
    ("name", "法国的首都是什么？", "多米尼加的首都是什么？"),
    ("number", "计算 3+5", "计算 3+7"),
    ("name", "写一首关于春天的诗", "写一首关于秋天的诗"),
    ("negation", "列出吸烟的好处", "列出不吸烟的好处"),
    ("negation", "水能导电吗", "水不能导电吗"),
    ("name", "把这句话翻译成英文", "把这句话翻译成法文"),
    ("number", "2019年发生了什么大事", "2020年发生了什么大事"),
    ("name", "用Python写一个排序程序", "用Java写一个排序程序"),
    ("number", "给我三个建议", "给我五个建议"),
    ("name", "介绍一下北京", "介绍一下上海"),
    ("-", "列出3个城市", "列出三个城市"),
    ("-", "请写一篇关于人工智能的文章", "写一篇人工智能的文章"),
    ("-", "如何提高英语口语？", "怎样才能提高英语口语能力?"),
    ("-", "列出五种水果", "请列举5种水果"),
    ("name", "What is the capital of France?", "What is the capital of Chad?"),
    ("negation", "Make a cake with eggs", "Make a cake without eggs"),
    ("negation", "Is water conductive?", "Is water not conductive?"),
    ("negation", "List healthy foods", "List unhealthy foods"),
    ("negation", "列出健康的食物", "列出不健康的食物"),
    ("negation", "列出在家工作的优点", "列出在家工作的缺点"),
    ("negation", "世界上最大的动物是什么", "世界上最小的动物是什么"),
    ("number", "一公里等于多少米", "五公里等于多少米"),
    ("-", "写一首诗", "写首诗"),
    ("-", "写1篇短文", "写一篇短文"),
    ("-", "计算２５乘以４", "计算25乘以4"),
    ("-", "二〇二〇年的大事", "2020年的大事"),
    ("-", "二十三个苹果", "23个苹果"),
    ("-", "一百二十万人", "120万人"),
    ("-", "1,000元", "1000元"),
    ("-", "3.50元", "3.5元"),
    ("-", "百分之五十的人", "50%的人"),
    ("number", "百分之五十的人", "50人"),
    ("number", "3.5公斤", "35公斤"),
    ("number", "第三章的主要内容", "第四章的主要内容"),
    ("-", "第三章的主要内容", "第3章的主要内容"),
    ("-", "是否应该吸烟", "应该吸烟吗"),
    ("-", "能不能解释一下重力", "解释一下重力"),
    ("-", "人工智能有没有意识", "人工智能有意识吗"),
    ("negation", "为什么人工智能有意识", "为什么人工智能没有意识"),
    ("-", "列出不同的水果", "列出水果"),
    ("-", "未来的交通", "交通的未来"),
    ("name", "比较猫和狗", "比较猫和兔子"),
    ("name", "谁写了《红楼梦》", "谁写了《西游记》"),
    ("negation", "用“快乐”造句", "用“悲伤”造句"),
    ("name", "李白是谁", "杜甫是谁"),
    ("-", "李白是谁？", "请问李白是谁"),
    ("name", "解释数学的重要性", "解释化学的重要性"),
    ("-", "解释数学的重要性", "说明数学的重要性"),
    ("name", "讲一个关于老虎的故事", "讲一个关于狮子的故事"),
    ("-", "讲一个关于老虎的故事", "写一个老虎的故事"),
    ("-", "描述一次难忘的旅行经历", "请描述一次难忘的旅行"),
    ("-", "如何减少空气污染？", "怎样减少空气污染"),
    ("negation", "如何减少体重", "如何增加体重"),
    ("-", "给我写一封求职信", "帮我写一封求职信。"),
    ("-", "给出保持健康的三个建议", "提供三个保持健康的建议"),
    ("number", "给出保持健康的三个建议", "给出保持健康的十个建议"),
    ("-", "人工智能的优势是什么", "人工智能有哪些优点"),
    ("-", "推荐几本好书", "请推荐一些好书"),
    ("name", "中国的人口是多少", "印度的人口是多少"),
    ("-", "中国的人口是多少", "中国有多少人口"),
    ("name", "把英里转换为公里", "把英寸转换为公里"),
    ("name", "用法语说你好", "用德语说你好"),
    ("-", "用法语说你好", "用法文说你好"),
    ("number", "GPT-3是什么", "BERT是什么"),
    ("number", "GPT-3是什么", "GPT-4是什么"),
    ("-", "python怎么读文件", "Python如何读文件"),
    ("number", "写一个100字的故事", "写一个200字的故事"),
    ("-", "写一个100字的故事", "写一个一百字的故事"),
    ("negation", "写一个包含对话的故事", "写一个不包含对话的故事"),
    ("negation", "可以使用字母e", "不要使用字母e"),
    ("-", "不要使用字母e", "请勿使用字母e"),
    ("-", "无线网络如何工作", "无线网络是怎么工作的"),
    ("number", "List five fruits", "List three fruits"),
    ("-", "List five fruits", "List 5 fruits."),
    ("-", "Write an essay about artificial intelligence", "Please write an essay on artificial intelligence."),
    ("-", "How can I improve my spoken English?", "How do I improve my spoken English"),
    ("negation", "What are the advantages of solar power?", "What are the disadvantages of solar power?"),
    ("name", "Describe the life cycle of a butterfly", "Describe the life cycle of a frog"),
    ("name", "Translate this sentence into French", "Translate this sentence into German"),
    ("-", "Explain the theory of relativity", "Describe the theory of relativity"),
    ("negation", "Why should people eat meat?", "Why shouldn't people eat meat?"),
    ("-", "Write a story about a dragon", "Create a story about a dragon"),
    ("number", "What is 12 times 7", "What is 12 times 8"),
    ("name", "Who wrote \"Hamlet\"?", "Who wrote \"Othello\"?"),
    ("-", "Give me an example of irony", "Give an example of irony"),
    ("number", "3²等于多少", "3³等于多少"),
    ("number", "计算5+3", "计算5*3"),
    ("number", "-5的绝对值", "5的绝对值"),
    ("name", "定义“民主”", "定义“自由”"),
    ("-", "北京市的天气如何", "北京的天气怎么样"),
    ("number", "周一的会议", "周二的会议"),
    ("-", "十月一日是什么节日", "10月1日是什么节日"),
    ("negation", "解释为什么这个句子是正确的", "解释为什么这个句子是错误的"),
    ("-", "请帮我总结这篇文章", "总结一下这篇文章"),
    ("number", "找出10和15的最大公约数", "找出10和25的最大公约数"),
    ("negation", "将列表按升序排列", "将列表按降序排列"),
    ("-", "我想学习吉他，该怎么开始？", "如何开始学习吉他"),
    ("name", "我想学习吉他，该怎么开始？", "我想学习钢琴，该怎么开始？"),
    ("-", "三点五公斤是多少", "3.5公斤是多少"),
    ("-", "三点五万元", "35000元"),
    ("-", "twenty-three apples", "23 apples"),
    ("-", "one hundred and five people", "105 people"),
    ("number", "twenty-three apples", "twenty-four apples"),
    ("-", "1. 列出水果", "列出水果"),
    ("number", "星期一的课程", "星期三的课程"),
    ("-", "这道题不难", "这道题难不难"),
    ("-", "千万要注意安全", "要注意安全"),
    ("-", "I don't like fish", "I do not like fish"),
    ("negation", "I like fish", "I don't like fish"),
    ("-", "Not only cats", "cats"),
    ("name", "将以下句子改为疑问句", "将以下句子改为祈使句"),
    ("name", "列出阅读的好处", "列出素食的好处"),
    ("-", "定期锻炼的好处", "定期体育锻炼的好处"),
    ("-", "美国的首都是哪里", "美国首都是什么"),
    ("name", "最高的山峰是什么", "最高的建筑是什么"),
    ("-", "非洲有哪些国家", "非洲的国家有哪些"),
    ("negation", "未成年人可以饮酒吗", "成年人可以饮酒吗"),
    ("name", "写一篇关于气候变化的文章", "总结一篇关于气候变化的文章"),
    ("-", "列出三种减轻压力的方法", "建议三种减轻压力的办法"),
    ("-", "", ""),
    ("-", "？！", "。"),
    ("name", "将句子从被动语态更改为主动语态。", "将句子从主动语态更改为被动语态。"),
    ("-", "将以下句子翻译成英语", "翻译成英语：以下句子"),
    ("name", "将以下分数转换为小数", "将以下小数转换为分数"),
    ("name", "给我一个消费品的例子", "给我一个讽刺的例子"),
    ("-", "你好", "你好！"),
    // Numbers inside of words, and the marks behind them.
    ("-", "请写3句话", "写三句话"),
    ("number", "请写3句话", "写四句话"),
    ("-", "20世纪的艺术", "二十世纪的艺术"),
    ("number", "19世纪的艺术", "二十世纪的艺术"),
    ("-", "3. 控制漏油", "3。 控制漏油"),
    ("-", "3. 控制BP", "３。 控制ＢＰ"),
    ("-", "房间里有20个人", "房间里有二十个人"),
    ("number", "房间里有20个人", "房间里有三十个人"),
    ("-", "几岁开始学习第二语言好", "多大开始学习第二门语言好"),
    ("number", "学习第二语言", "学习第三语言"),
    ("-", "Covid-19的症状", "新冠的症状"),
    ("number", "HTML-5的标签", "HTML-4的标签"),
    ("-", "按十分制打分", "按10分制打分"),
    ("-", "道路两端的树", "道路两边的树"),
    // Twos that only say again how many there are.
    ("-", "用自行车和漂浮这两个词造句", "用自行车和漂浮造句"),
    ("-", "比较苹果和梨两个水果", "比较苹果和梨"),
    ("number", "比较两个水果", "比较三个水果"),
    ("number", "用这两个词造句", "用这三个词造句"),
    ("-", "这两部手机的区别", "两部手机的区别"),
    ("number", "给我两个建议", "给我建议"),
    // Words that mean the same.
    ("-", "给出一个道德系统的示例", "给出一个道德体系的例子"),
    ("name", "给出一个道德系统的示例", "给出一个教育系统的示例"),
    ("-", "构建一个多项选择题", "出一个多项选择题"),
    ("-", "边长为5cm的正方形的面积", "边长为5厘米的正方形的面积"),
    ("name", "边长为5厘米的正方形的面积", "边长为5英寸的正方形的面积"),
    ("-", "世界上最高的山", "地球上最高的山"),
    ("name", "月球上最高的山", "地球上最高的山"),
    // Denials in other constructions.
    ("-", "写一篇不超过100字的短文", "写一篇至多100字的短文"),
    ("-", "写一篇最多100字的短文", "写一篇不超过100字的短文"),
    ("negation", "写一篇超过100字的短文", "写一篇不超过100字的短文"),
    ("-", "列出至少5个城市", "列出不少于5个城市"),
    ("negation", "列出至少5个城市", "列出至多5个城市"),
    ("-", "猫和狗有什么区别", "猫和狗有什么不一样"),
    ("-", "猫和狗有什么区别", "猫和狗有什么不同"),
    ("negation", "猫和狗有什么相似之处", "猫和狗有什么不同之处"),
    ("-", "判断该论证是否有效", "判断该论证有效还是无效"),
    ("negation", "写出有效的论证", "写出无效的论证"),
    ("-", "对数组进行排序", "对无序数组进行排序"),
    ("-", "描述不懈的追求", "描述追求"),
    ("negation", "描述追求", "描述不追求"),
    ("-", "描述追求", "描述无与伦比的追求"),
    // The same things in the other order.
    ("name", "从北京到上海怎么走", "从上海到北京怎么走"),
    ("-", "从北京到上海怎么走", "怎么从北京到上海"),
    ("name", "按从最高到最低排列", "按从最低到最高排列"),
    ("name", "将数字从小到大排列", "将数字从大到小排列"),
    ("-", "将数字从小到大排列", "将数字按升序排列"),
    ("name", "Change it from past tense to present tense", "Change it from present tense to past tense"),
    ("name", "Rank them from most to least interesting", "Rank them from least to most interesting"),
    ("-", "Rank them from most to least interesting", "Sort them from most to least interesting"),
    // Opposites and members of a set, wherever they stand.
    ("negation", "使用被动语态重写句子", "使用主动语态重写句子"),
    ("-", "使用被动语态重写句子", "把句子改写成被动语态"),
    ("name", "将句子改为过去时", "将句子改为将来时"),
    ("name", "氧的原子序数", "氧的原子量是多少"),
    ("name", "蓝色玫瑰的诗", "写一首玫瑰的诗，要红色的"),
    // A character that denies as a part of what is no denial, and a word without its first character.
    ("-", "描述水能导电的原理", "描述水否能导电的原理"),
    ("-", "你去还是不去", "你去吗"),
    ("negation", "你不去", "你去"),
    ("negation", "莫慌", "慌"),
    ("-", "写一首关于秋天的诗", "写一首关于秋天的短诗"),
    ("-", "写一段讽刺的文字", "写一段刺的文字"),
    ("name", "如何修理汽车", "如何修理船"),
    ("name", "如何泡红茶", "如何泡绿茶"),
    // What is given below the first line.
    ("name", "将动物分类为哺乳动物或鸟类\n狗，老虎", "将以下动物分类为鸟类或哺乳动物\n狮子、牛"),
    ("-", "将动物分类为哺乳动物或鸟类\n狗，老虎", "将以下动物分类为鸟类或哺乳动物\n狗、老虎"),
    // The first word of a longer name is another.
    ("name", "预测股票价格的算法", "预测房屋价格的算法"),
    ("-", "预测房屋价格的算法", "预测房子价格的算法"),
    ("name", "女孩寻找神奇生物的故事", "女孩发现神秘文物的故事"),
];

#[test]
fn pairs_are_told_apart_as_a_reader_would() {
    let guard = Guard::new();
    let mut wrong = Vec::new();
    for &(want, left, right) in PAIRS {
        let got = guard.between(left, right).map_or("-", Difference::as_str);
        assert_eq!(guard.between(left, right), guard.between(right, left), "{left} / {right}");
        if got != want {
            wrong.push(format!("{left} / {right}: {got}, not {want}"));
        }
    }
    assert!(PAIRS.len() >= 190, "{}", PAIRS.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn equal_texts_never_differ_and_the_empty_text_has_no_marks() {
    let guard = Guard::new();
    for &(_, left, right) in PAIRS {
        assert_eq!(guard.between(left, left), None);
        assert_eq!(guard.between(right, right), None);
    }
    assert_eq!(guard.read(""), Marks::default());
    assert_eq!(guard.read("").heap_bytes(), 0);
}

#[test]
fn hostile_texts_are_read_within_bounds() {
    let guard = Guard::new();
    let units = [
        "\0",
        "一",
        "亿",
        "9",
        "9,999",
        "不",
        "《",
        "“a”",
        "👩‍👩‍👧",
        "三点",
        "第",
        "百分之",
        "n't ",
        "-",
        "²",
        "million ",
        "four ",
        "\u{301}",
        "𠀀",
        "İ",
        "'",
    ];
    let mut marks = Vec::new();
    for unit in units {
        let read = guard.read(&unit.repeat(1_000_000 / unit.len()));
        assert!(read.heap_bytes() <= Guard::MAX_WORDS * 32, "{unit:?}");
        marks.push(read);
    }
    for left in &marks {
        for right in &marks {
            assert_eq!(guard.differs(left, right), guard.differs(right, left));
        }
    }
}

proptest::proptest! {
    #[test]
    fn any_two_texts_can_be_compared(
        left in "[一二三五十百千万亿点第不没无别周两个这和还是否为到最多ab1-9.,%+²《》“”\"' \n的诗猫狗]{0,40}",
        right in "\\PC{0,40}",
    ) {
        static GUARD: std::sync::LazyLock<Guard> = std::sync::LazyLock::new(Guard::new);
        proptest::prop_assert_eq!(GUARD.between(&left, &right), GUARD.between(&right, &left));
        proptest::prop_assert_eq!(GUARD.between(&left, &left), None);
        proptest::prop_assert_eq!(GUARD.between(&right, &right), None);
    }
}
