//! The phrases themselves. ASCII letters match in either case.

pub(super) const SAYS_AI: &[&str] = &[
    "我是由OpenAI", "我是OpenAI", "我是 OpenAI", "我是由 OpenAI", "我是ChatGPT", "我是一个大型语言模型",
    "我是一个大语言模型", "我是一个语言模型", "我是语言模型", "我是一个AI语言模型", "我是AI语言模型",
    "我是一个人工智能语言模型", "我是人工智能语言模型", "我只是一个语言模型", "我只是一个AI语言模型",
    "我只是一个AI模型", "我只是一个人工智能", "我只是一个AI助手", "我是一个AI助手", "我是一个人工智能助手",
    "我是一款人工智能", "我是一名AI", "我是一款AI", "我是一个AI模型", "我是一个人工智能模型", "我是一个聊天机器人",
    "我是一个 AI", "我是一种人工智能", "我是一个人工智能，", "我是一个AI，", "我是人工智能，", "我是AI，",
    "由OpenAI训练的大型语言模型，我", "OpenAI训练的语言模型，我", "由OpenAI开发的语言模型，我",
    "as an ai language model", "as an artificial intelligence language model", "as a large language model",
    "as a language model,", "as a language model i", "i am an ai language model", "i'm an ai language model",
    "i am a language model", "i'm a language model", "i am a large language model", "i'm a large language model",
    "i'm just an ai", "i am just an ai", "i am an ai assistant", "i'm an ai assistant", "i am an ai model",
    "i'm an ai model", "i am chatgpt", "i'm chatgpt", "i am an artificial intelligence",
];

pub(super) const MAY_SAY_AI_BEFORE: &[&str] = &[
    "作为", "身为",
];
pub(super) const MAY_SAY_AI_ARTICLE: &[&str] = &[
    "", "一个", "一名", "一种", "一款", "一位", "一个 ",
];
pub(super) const MAY_SAY_AI_NOUN: &[&str] = &[
    "AI", "人工智能", "语言模型", "大型语言模型", "大语言模型", "聊天机器人", "虚拟助手", "智能助手",
];
pub(super) const MAY_SAY_AI: &[&str] = &[
    "as an ai", "as an artificial intelligence", "作为OpenAI",
];

pub(super) const SORRY: &[&str] = &[
    "抱歉", "对不起", "不好意思", "很遗憾", "非常遗憾", "sorry", "apologize", "apologise", "unfortunately",
    "my apologies",
];
pub(super) const CANNOT: &[&str] = &[
    "无法", "不能", "没有能力", "没有办法", "不可以", "不支持", "没有权限", "不具备", "cannot", "can't", "can not",
    "unable to", "not able to", "don't have access", "do not have access", "don't have the ability",
];
pub(super) const REFUSES: &[&str] = &[
    "我无法回答", "我无法提供", "我无法满足", "我无法完成", "我无法执行", "我无法生成", "我无法协助", "我无法帮助",
    "我无法访问", "我无法浏览", "我无法播放", "我无法查看", "我不能提供", "我不能回答", "我不能协助", "我不能帮助",
    "我不能满足", "我不能生成", "无法回答这个问题", "无法完成此任务", "i cannot fulfill", "i can't fulfill",
    "i cannot provide", "i can't provide", "i cannot assist", "i can't assist", "i cannot help with",
    "i can't help with", "i am unable to", "i'm unable to", "i'm not able to", "i am not able to",
    "i cannot answer", "i can't answer", "i cannot complete", "i cannot access", "i can't access",
];

pub(super) const OPENS_NAME: &[&str] = &[
    "[your ", "[your_", "[name", "[company", "[recipient", "[date", "[employer", "[address", "[phone", "[email",
    "[title", "[position", "[product name", "[city", "[school", "<your ", "<name>", "{{", "[您的", "[你的", "[姓名",
    "[名字", "[公司", "[日期", "[地址", "[电话", "[收件人", "[职位", "[学校", "[雇主", "【您的", "【你的", "【姓名",
    "【公司", "<您的", "<你的", "<姓名", "<名字",
];
pub(super) const OPENS_CONTENT: &[&str] = &[
    "[insert", "<insert", "[enter ", "[插入", "<插入", "【插入", "[在此", "【在此", "[填", "【填",
];
pub(super) const LINK: &[&str] = &[
    "http://", "https://", "www.",
];
pub(super) const PICTURE: &[&str] = &[
    "![", "！[", "<img", "<image", "<video", "<audio src", "data:image/",
];
pub(super) const SHOWN: &[&str] = &[
    "<photo", "<picture", "<图", "[图", "（图", "(图", "【图", "图片]", "图片）", "图片)", "图片】", "图片>",
    "照片]", "照片）", "照片)", "照片】", "照片>", "图像]", "图像）", "图像)", "图像>", "图像】", "插图]", "插图）",
    "视频]", "音频]", "下图中", "下图。", "下图：", "下图，", "给定下图", "对下图", "下图所示", "将下图", "上图中",
    "[image", "[photo", "[picture", "[attach", "(image of", "(picture of", "(photo", "photo]", "image]", "picture]",
    "picture)", "image)", "photo)", "image>", "attached image", "attached photo", "attached picture", "image below",
    "picture below", "photo below", "image above", "附图",
];
pub(super) const ASKS_LANGUAGE: &[&str] = &[
    "英文", "英语", "英译", "译成", "翻译", "译为", "单词", "词汇", "词语", "外语", "语言", "日语", "日文", "法语",
    "法文", "德语", "德文", "俄语", "俄文", "西班牙", "韩语", "韩文", "意大利", "拉丁", "希腊", "葡萄牙", "阿拉伯",
    "印地语", "越南", "泰语", "双语", "语法", "时态", "动词", "名词", "形容词", "副词", "介词", "代词", "字母",
    "拼写", "缩写", "首字母", "代码", "程序", "编程", "脚本", "函数", "算法", "命令", "正则", "公式", "方程",
    "查询", "数据库", "接口", "变量", "数组", "字符串", "网页", "标签", "语句", "表达式", "标记", "格式", "提示词",
    "化学", "元素", "数学", "求解", "计算", "证明", "歌词", "歌曲", "诗", "引用", "参考", "书名", "电影", "乐队",
    "名言", "歌", "密码", "用户名", "域名", "网址", "名称", "名字", "命名", "英", "押韵", "同义词", "反义词",
    "句子", "引文", "输出原文", "english", "translat", "python", "java", "html", "css", "sql", "json", "xml",
    "latex", "excel", "bash", "linux", "docker", "git", "api", "c++", "c#", "php", "swift", "kotlin", "rust",
    "golang", "ruby", "react", "vue", "code", "```", "yaml", "csv", "regex", "markdown", "midjourney",
    "stable diffusion", "prompt",
];
pub(super) const ASKS_TEMPLATE: &[&str] = &[
    "模板", "模版", "一封", "的信", "道歉信", "投诉信", "情书", "便条", "卡片", "贺卡", "礼品卡", "明信片", "公函",
    "请求函", "宣布", "客户", "用户", "帖子", "封信", "写信", "书信", "信件", "信函", "求职信", "感谢信", "辞职信",
    "推荐信", "邮件", "简历", "履历", "合同", "协议", "表格", "表单", "邀请", "通知", "备忘录", "演讲", "介绍",
    "声明", "公告", "新闻稿", "占位", "填空", "空白", "消息", "回复", "回应", "问候", "祝", "广告", "传单", "申请",
    "提案", "报告", "大纲", "推荐", "海报", "脚本", "短信", "格式", "示例", "例子", "样本", "致辞", "自传", "问卷",
    "调查", "电话", "对话", "标题", "口号", "句", "笔记", "名片", "请柬", "发票", "收据", "日程", "计划", "文案",
    "变量", "代码", "程序", "函数", "html", "vue", "jinja", "template", "letter", "email", "e-mail", "resume", "cv",
    "contract", "agreement", "form", "invitation", "notice", "memo", "speech", "introduc", "placeholder", "blank",
    "message", "note", "reply", "respon", "greet", "advert", "flyer", "application", "proposal", "report",
    "outline", "poster", "script", "sample", "example", "code", "format", "survey", "question", "dialog",
    "conversation", "sentence", "headline", "slogan", "card", "invoice", "plan", "announce", "press release",
    "biograph", "query", "prompt", "post", "tweet", "ticket", "review",
];
pub(super) const ASKS_SPEECH: &[&str] = &[
    "道歉", "抱歉", "致歉", "背诵", "朗诵", "默写", "邮件", "封信", "写信", "书信", "信件", "信函", "对话", "借口",
    "拒绝", "婉拒", "回复", "回应", "响应", "故事", "小说", "剧本", "脚本", "独白", "台词", "改写", "重写", "改述",
    "释义", "语气", "翻译", "改成", "改为", "改变", "转换", "编辑", "修改", "造句", "句子", "短语", "场景", "诗",
    "歌", "扮演", "客服", "客户", "书的", "本书", "笑话", "扩写", "续写", "完成句", "模拟", "人物", "辩论", "推文",
    "角色", "apolog", "email", "e-mail", "letter", "dialog", "conversation", "excuse", "reject", "declin", "reply",
    "respon", "story", "novel", "script", "monologue", "rewrite", "reword", "rephrase", "recite", "paraphrase",
    "tone", "translat", "convert", "edit", "sentence", "phrase", "scene", "poem", "song", "role", "customer",
    "joke", "message", "pretend", "character", "simulat", "tweet", "lyric", "play", "argument", "debate",
];
pub(super) const ASKS_MARKUP: &[&str] = &[
    "html", "markdown", "网页", "代码", "css", "标签", "标记", "xml", "svg", "code", "链接", "url", "网址", "react",
    "vue", "div", "javascript", "function",
];

/// Two characters that UTF-8 becomes when each byte is taken for a character of Windows-1252.
pub(super) const BROKEN: &[&str] = &[
    "\u{fffd}", "锟斤拷", "锟斤", "烫烫烫", "屯屯屯", "â€™", "â€œ", "â€\u{9d}", "â€“", "â€”", "â€¦", "â€˜", "â€¢",
    "â€\u{99}", "â€\u{9c}", "â€\u{93}", "â\u{80}", "ï¼", "ã€", "ï»¿", "Ã©", "Ã¨", "Ã¡", "Ã\u{a0}", "Ã¢", "Ã¤", "Ã¶",
    "Ã¼", "Ã±", "Ã§", "Ãª", "Ã«", "Ã®", "Ã¯", "Ã³", "Ã²", "Ã´", "Ãº", "Ã¹", "Ã»", "Ã¸", "Ã¥", "Ã£", "Ãµ", "ÃŸ",
    "Ã‰", "Â°", "Â£", "Â©", "Â®", "Â·", "Â«", "Â»", "Â½", "Â¿", "Â¡", "Â\u{a0}", "ä¸", "çš„", "æ˜", "ä½", "å¥½",
    "ðŸ",
];
/// Beginnings of common Chinese characters in UTF-8, read as GBK.
pub(super) const MISREAD: &[&str] = &[
    "锛", "銆", "鐨", "涓", "鏄", "鍦", "鎴", "杩", "鍙", "浠", "鈥", "鑰", "鍜", "浜", "鏈", "绋", "閿", "鎬",
    "鍥", "鍏",
];

pub(super) const HELPS: &[&str] = &[
    "以下是", "下面是", "这是一个", "这里有一", "以下几", "here are", "here is", "here's", "以下的", "如下：",
    "以下步骤", "但是，您可以", "但您可以", "不过，据",
];
