"""Words of instructions, Chinese and English, by which pairs of prompts are made."""

from __future__ import annotations

CHINESE_REQUESTS = (
    ("列出", "列举", "罗列"),
    ("描述", "介绍", "描绘"),
    ("解释", "说明", "阐述"),
    ("生成", "创建", "制作"),
    ("撰写", "编写", "创作"),
    ("总结", "概括", "归纳"),
    ("提供", "给出"),
    ("重写", "改写"),
    ("计算", "算出"),
    ("确定", "判断"),
    ("找出", "找到", "查找"),
    ("比较", "对比"),
    ("构建", "构造"),
    ("想出", "提出"),
    ("识别", "辨认"),
    ("建议", "推荐"),
    ("修改", "改动"),
    ("翻译", "译"),
    ("起草", "草拟"),
    ("说出", "举出"),
)
"""Lines of verbs that ask for the same thing where they begin a sentence."""
CHINESE_OTHER_REQUESTS = (
    "写", "用", "将", "把", "为", "给定", "根据", "使用", "编辑", "分析", "命名", "设计", "制定", "选择",
    "阅读", "预测", "评估", "改变", "更改", "删除", "添加", "讨论", "研究", "回答", "定义", "检测", "分类",
    "排序", "输出", "告诉", "从", "对", "在", "按", "通过", "给", "举", "概述", "推断", "估计", "想象", "假设",
    "完成", "填写", "转换", "替换", "组织", "开发", "简化", "扩展",
)  # fmt: skip
"""Other words with which a request begins."""
CHINESE_POINTING = (
    "给定的", "给定", "以下的", "以下", "下面的", "下面", "下列", "上述", "所给的", "所给", "提供的", "给出的",
    "这个", "这些", "此", "该", "这", "那个", "那", "一个", "一些", "一种", "一项", "一篇", "一份", "一段",
    "一首", "某个", "的", "了", "请", "请你", "一下", "和", "与", "或", "中", "出", "来", "您", "你", "我",
    "它", "其", "关于", "有关", "如何", "怎么", "怎样", "什么", "哪些", "哪个", "哪里", "为什么", "可以",
    "能够", "能", "应该", "通过",
)  # fmt: skip
"""Words without content of their own: two prompts that differ in nothing else are no pair of different content."""
CHINESE_GENERAL = (
    "方法", "方式", "策略", "技巧", "步骤", "过程", "流程", "概念", "含义", "意义", "定义", "原理", "工作原理",
    "作用", "用途", "功能", "特点", "特征", "特性", "影响", "列表", "清单", "句子", "短语", "单词", "词语",
    "文章", "段落", "短文", "文本", "故事", "例子", "示例", "原因", "理由", "因素", "建议", "想法", "观点",
    "问题", "简短", "简单", "简要", "详细", "重要", "关键", "主要", "最佳", "有效", "数据", "信息", "资料",
    "区别", "差异", "不同", "差别", "内容", "主题", "情况", "方面", "优势", "优点", "好处", "益处", "能力",
    "技能", "产品", "商品", "客户", "顾客", "程序", "代码",
)  # fmt: skip
"""Words for how something is said or seen: one in another's place is often the same request."""
CHINESE_NUMERALS = "二两三四五六七八九十"
CHINESE_MEASURES = "个种条篇句首段点位项本年道款件部张次步天周小组类名份"

ENGLISH_REQUESTS = (
    ("List", "Enumerate"),
    ("Describe", "Depict"),
    ("Explain", "Clarify"),
    ("Generate", "Create", "Produce"),
    ("Write", "Compose"),
    ("Summarize", "Sum up"),
    ("Provide", "Give"),
    ("Rewrite", "Reword", "Rephrase"),
    ("Calculate", "Compute"),
    ("Determine", "Figure out"),
    ("Find", "Look for"),
    ("Construct", "Build"),
    ("Suggest", "Recommend"),
    ("Identify", "Recognize"),
    ("Categorize", "Classify"),
    ("Change", "Alter"),
    ("Edit", "Revise"),
)
"""The same for English."""
ENGLISH_OTHER_REQUESTS = (
    "Name", "Design", "Make", "Compare", "Analyze", "Convert", "Tell", "Develop", "Evaluate", "Take", "Select",
    "Translate", "Arrange", "Outline", "Sort", "Read", "Replace", "Complete", "Predict", "Add", "Formulate",
    "Transform", "Think", "Choose", "Propose", "Rank", "Estimate", "Come", "Use", "Discuss", "Answer", "Define",
    "Remove", "Imagine",
)  # fmt: skip
ENGLISH_POINTING = (
    "a", "an", "the", "this", "that", "these", "those", "given", "following", "provided", "below", "above",
    "please", "me", "you", "your", "my", "i", "of", "for", "to", "in", "on", "with", "and", "or", "is", "are",
    "some", "any", "it", "its", "about",
)  # fmt: skip
ENGLISH_NUMERALS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

CHINESE_DENIALS = (
    ("可以", "不可以"),
    ("应该", "不应该"),
    ("能够", "不能够"),
    ("需要", "不需要"),
    ("包含", "不包含"),
    ("包括", "不包括"),
    ("使用", "不使用"),
    ("喜欢", "不喜欢"),
    ("存在", "不存在"),
    ("优点", "缺点"),
    ("优势", "劣势"),
    ("好处", "坏处"),
    ("积极", "消极"),
    ("正面", "负面"),
    ("增加", "减少"),
    ("提高", "降低"),
    ("最大", "最小"),
    ("最高", "最低"),
    ("成功", "失败"),
    ("支持", "反对"),
    ("赞成", "反对"),
    ("升序", "降序"),
    ("主动", "被动"),
    ("同义词", "反义词"),
    ("有利", "不利"),
)
"""A word and its denial or its opposite."""
ENGLISH_DENIALS = (
    ("can", "cannot"),
    ("should", "should not"),
    ("is", "is not"),
    ("are", "are not"),
    ("does", "does not"),
    ("with", "without"),
    ("using", "without using"),
    ("advantages", "disadvantages"),
    ("benefits", "drawbacks"),
    ("positive", "negative"),
    ("increase", "decrease"),
    ("largest", "smallest"),
    ("highest", "lowest"),
    ("success", "failure"),
    ("synonyms", "antonyms"),
    ("synonym", "antonym"),
    ("active", "passive"),
    ("ascending", "descending"),
    ("before", "after"),
)
"""The same for English."""
