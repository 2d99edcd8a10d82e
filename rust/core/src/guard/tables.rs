//! The words that the guard knows, as plain lists: words between spaces, a meaning a line.

/// Words that may come and go without a change of what is asked: politeness, connection, measure, the frame of a request.
pub const FILLERS: &str = "
请 请你 请问 帮 帮我 帮忙 麻烦 麻烦你 能 能够 可以 可 你 我 您 我们 你们 自己 想 想要 需要 希望 应 应该 应当 要 必须 应当
是否 还是 请您 劳驾 想请 分别 各 各个 各自 一番 吗 呢 吧 啊 呀 么 到底 究竟 相应 涉及 围绕 眼下 时下 存在
告诉 告诉我 会
的 地 得 了 着 过 和 与 及 以及 或 或者 并 并且 而 且 但 但是 则 就 也 都 还 又 再 才 将 把 被 对 对于 关于 有关
相关 就是 在 中 里 上 下 内 从 由 向 给 为 为了 以 用 于 至 到 之 其 所 是 有 来 去 让 使 使用 通过 根据 按照 基于
针对 作为 如 例如 比如
这 那 这个 那个 这些 那些 该 此 它 它们 其中 某 某个 某种 一些 一下 一 几 几个 一个 一种 一篇 一首 一段 一句 一份
一条 一位 一名 一项 一组 一系列 一则 一部 一张 一封 各种 每个 所有 任何 不同 些 个 种 篇 首 段 句 份 条 位 名 项 则
章 次 件 本 封 张 部 家 只 类 年 月 日 号
更 更好 最 很 非常 一定 比较 新 简单 简要 简短 详细 具体 以下 下面 下列 下述 给定 给出 如下 上述 所给 提供 主要 常见
重要 合适 适当 独特 有效 一起 进行 实现 做 作 其他 另 现在 当前 目前 之间
a an the of to in on at for from by with and or as is are was were be been do does did can could would should will
may might must please you your i me my we us our it its this that these those there some any s about into than then
so such also just new following given below above using use short brief simple need want help let have has had if
but their they he she his her who whom t re ve ll m d
";

/// Verbs that ask for a text, an answer or a choice: 写, 列出, 说明. One request is put with any of them, so they all count as one.
pub const REQUESTS: &str = "
写 写出 写下 写作 编写 撰写 书写 创作 创造 创建 生成 制作 制定 构建 构造 建立 设计 起草 拟定 拟 作出 产生 编
编造 构思 开发 规划 提议 寻找 标识 解决 准备 概述 分析 评估 评价 analyze analyse evaluate 探索 考虑 思考 搜索 列出 列举 举 举出 举例 举例说明 说出 说
说说 讲 讲述 叙述 描述 描写 描绘 形容 介绍 说明 解释 阐述 阐明 阐释 论述 陈述 讨论 谈谈 谈 谈论 探讨 提出 找出
找到 指出 确定 识别 辨别 查找 回答 建议 推荐 定义 命名 展示 呈现 表达 输出 想出 推断 判断 判定 鉴别 辨认 判别
出 造 造出 编出 提 拟写 草拟 写成 拟出 做出 指明 标明 标出 列明 讲讲 聊聊 说一说 谈一谈 讲一讲 简述 详述 研究 探究 想
想一想 研发 组织 整理 发明 给 供给 写一写 write compose create
generate make produce draft design construct build develop list name give provide state tell describe explain
discuss outline identify find suggest propose recommend show illustrate define determine come think offer
introduce share specify brainstorm invent formulate devise craft indicate note elaborate answer detect investigate assess form draw
prepare talk enumerate mention depict detail
";

/// Verbs that ask for something to be done with what is given, an operation a line: one does not stand for another.
pub const OPERATIONS: &str = "
总结 概括 归纳 summarize summarise
计算 求 解 解析 算出 算 calculate compute
分类 归类 classify categorize
翻译 翻译成 译成 翻译为 translate
排序 排列 排 sort order
简化 缩短 simplify shorten
编辑 更改 修改 修正 更正 纠正 改正 修复 edit correct fix 转换 转化 改写 重写 改成 转换成 转换为 转成 变成 改变 改为 转变 重述 改述 复述 变为 变换 翻成 rewrite convert transform change rephrase paraphrase
";

/// Words behind which something stands that is gone to, or that a thing turns into.
pub const TOWARD: &str = "
到 至 成 为 翻译成 译成 翻译为 改成 转换成 转换为 转成 变成 改为 变为 翻成 to into until through
";

/// Things of which one is never another, a set a line: each counts by its line of synonyms.
pub const SETS: &str = "
红色 蓝色 绿色 黄色 黑色 白色 紫色 橙色 粉色 灰色 棕色
东 南 西 北
春天 夏天 秋天 冬天
january february march april june july august september october november december
monday tuesday wednesday thursday friday saturday sunday
英语 法语 德语 日语 汉语 俄语 西班牙语 韩语 意大利语 葡萄牙语 阿拉伯语 拉丁语 印地语
过去时 现在时 将来时 完成时 进行时
past present future
厘米 毫米 米 千米 英里 英寸 英尺 码
克 千克 毫克 磅 盎司
毫升 升 加仑
摄氏度 华氏度 开尔文
平方米 平方公里 平方英尺 公顷 英亩
美元 欧元 人民币 日元 英镑
正方形 三角形 圆 长方形 五边形 六边形 八边形 梯形 菱形 圆柱 圆锥 立方体 球体 平行四边形
疑问句 祈使句 感叹句 陈述句
名词 动词 形容词 副词 介词 代词 连词
noun verb adjective adverb preposition pronoun
俳句 十四行诗 打油诗 绝句
小学 初中 高中 大学
学士 硕士 博士
早餐 午餐 晚餐
上午 下午
mean median mode
平均值 中位数 众数 方差 标准差
面积 周长 体积
原子序数 原子量 原子半径
";

/// Words and their opposites: the first word of a line, then the words that say the opposite of it.
pub const OPPOSITES: &str = "
优点 缺点 弊端 坏处
好处 坏处 害处 缺点 弊端
优势 劣势 缺点
益处 害处 坏处
利 弊
积极 消极
正面 负面 反面
正 负
正向 负向
增加 减少
提高 降低
提升 降低
增强 减弱
上升 下降
升高 降低
最大 最小
最高 最低
最长 最短
最多 最少
最好 最差 最坏
最快 最慢
最早 最晚
最重要 最不重要
最大值 最小值
大 小
高 低
长 短
多 少
好 坏
快 慢
早 晚
冷 热
新 旧
男 女
左 右
上面 下面
加 减
乘 除
男人 女人
男性 女性
男孩 女孩
支持 反对
赞成 反对
赞同 反对
同意 反对
成功 失败
开始 结束
打开 关闭
主动 被动
升序 降序
之前 之后
以前 以后
以内 以外
国内 国外
室内 室外 户外
大于 小于
多于 少于
高于 低于
超过 少于
至少 至多 最多
超过 至多
多于 至多
少于 至少
最多 最少
相同 不同
相似 不同
相似之处 不同之处
同义词 反义词
近义词 反义词
进口 出口
买 卖
快乐 悲伤
开心 难过
合法 非法
允许 禁止
有利 不利
有效 无效
有限 无限
有机 无机
正式 非正式
有 无
输入 输出
加密 解密
编码 解码
奇数 偶数
正数 负数
真 假
对 错
正确 错误
简单 复杂
强 弱
富 穷
第一个 最后
过去 未来 将来
初级 高级
入门 高级
内部 外部
内向 外向
静态 动态
宏观 微观
定性 定量
短期 长期
城市 农村 乡村
白天 夜晚 夜间
公立 私立
公共 私人
乐观 悲观
长处 短处
强项 弱项
顺序 逆序 倒序
直接 间接
主观 客观
自动 手动
线上 线下
在线 离线 线下
单数 复数
肯定 否定
顺时针 逆时针
硬件 软件
供给 需求
有氧 无氧
有序 无序
胜利 失败
战争 和平
出生 死亡
贫穷 富有 富裕
可再生 不可再生
有偿 无偿
有线 无线
有意 无意
advantages disadvantages
advantage disadvantage
benefits drawbacks
pros cons
increase decrease reduce
positive negative
best worst
largest smallest
biggest smallest
highest lowest
longest shortest
most least
more less
before after
above below
male female
synonym antonym
synonyms antonyms
agree disagree
like dislike
legal illegal
ascending descending
maximum minimum
true false
similarities differences
open close
always never
good bad
hot cold
buy sell
inside outside
encode decode
encrypt decrypt
indoor outdoor
internal external
introvert extrovert
singular plural
active passive
import export
input output
win lose
create destroy
strengths weaknesses
strength weakness
easy difficult hard
cheap expensive
fast slow
multiply divide
add subtract
accept reject
success failure
past future
higher lower
earlier later
";

/// Dictionary words that begin with a denying character but deny nothing: it has become part of another word.
pub const LEXICALISED: &str = "
不丹 不久 不仅 不仅仅 不但 不倒翁 不停 不光 不免 不列颠 不利 不只 不可思议 不可避免 不同 不同之处 不同寻常 不同点
不在乎 不外乎 不好意思 不妨 不安 不少 不尽 不已 不幸 不得不 不得已 不必说 不愧 不懈 不料 不断 不断地 不时 不是吗
不朽 不止 不死鸟 不满 不然 不由得 不由自主 不知不觉 不禁 不管 不经意 不羁 不而 不良 不觉 不解 不论 不足 不过 不道德
不变 不动产 不对称 不规则动词 不可或缺 不知所措 不堪 不胜 不屈 不宜 不适 不见 不成文 不遗余力 不锈钢 不错 不难 别人 别具一格 别出心裁 别名 别墅 别处 别的 别离 别致 别针 无不 无产阶级 无人机 无他 无价
无意 无意识 无所不 无数 无机 无疑 无穷 无穷大 无序 无缝 无形 无私 无助 无奈 无情 无畏 无家可归 无线 无线电 无线网 无线网络 无聊 无花果 无论 无论如何 无辜 无限 无非
未免 未婚夫 未婚妻 未知 未知数 未必 未来 未来派 没事 没关系 没准 没收 没错 没问题 非但 非凡 非同寻常 非常 非得 非政府组织 非法
非洲 非物质文化 非物质文化遗产 非要
";

/// Denials that begin with another character.
pub const DENIALS: &str = "
从不 从未 绝对不 从没 决不 勿 否 尚未 并不 并不是 并无 并未 并非 弗 永不 毫不 毫无 绝不 绝非 莫 请勿 切勿 而非 而不是 而不
既不 也不 都不 还没 再也不 与非 或非 切莫 甭
";

/// English words that deny; a word in `n't` does as well.
pub const ENGLISH_DENIALS: &str = "
no not never without cannot none nor neither nobody nothing nowhere non dont doesnt cant wont isnt arent
";

/// Words that begin with a numeral and are tagged as numbers in the dictionary, but count nothing.
pub const NO_NUMBERS: &str = "
十分 两端 两边 两者 两侧 两旁 二者 千万 万一 万分 一起 一致 百般 万万 九霄 三三两两
";

/// Words that begin alike but are different things, so that the likeness says nothing.
pub const DISTINCT: &str = "
英里 英寸 英尺 英镑 英亩 公里 公斤 公顷 公分 毫米 毫升 毫克 毫秒 厘米 厘升 千克 千米 千瓦 平方米 平方公里 平方英尺 立方米 立方厘米
电脑 电视 电影 电话 电车 电池 电子 电力 汽车 汽油 火车 火箭 火山 飞机 飞船 海洋 海豚 海龟 海滩 海鸥 大象 大学 大米 大脑 小学 小麦 小狗 小猫
中学 中医 中文 中国 西瓜 西医 西装 水果 水稻 水泥 白天 白菜 白银 黄金 黄瓜 黄河 红茶 红色 绿茶 绿色 蓝色 白色 黑色 黄色
从小到大 从大到小 从高到低 从低到高 从早到晚 主语 谓语 宾语 动词 名词 副词 过去时 现在时 将来时 早上 早餐 午餐 晚餐 晚上 祖父 祖母 男孩 男人 女孩 女人
";

/// Endings of place names that may be left out: 北京市 is 北京.
pub const PLACE_ENDINGS: &[char] = &['市', '省', '县', '国', '州', '城'];
