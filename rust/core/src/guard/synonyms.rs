//! The words that the guard takes for one another, as plain lists: words between spaces, a meaning a line.

/// Words that mean the same, a meaning a line. A word of several meanings counts by the first line it is in.
pub const SYNONYMS: &str = "
如何 怎样 怎么 怎么样 怎样才能 怎么才能 怎么做 如何才能 怎么办 怎 how 方法 方式 办法 途径 方案 措施 手段 策略 技巧 way ways method methods means strategies strategy
什么 哪 哪个 哪些 哪里 哪儿 何 啥 什么样 何为 何谓 哪种 哪一个 哪方面 what which where 含义 意思 意义 定义 概念 meaning definition
为什么 为何 原因 理由 缘由 何以 why reason reasons
文章 本文 全文 文 短文 作文 文本 文字 文稿 文段 段落 论文 散文 随笔 essay article paragraph passage text composition piece
故事 短篇小说 小故事 短篇 小说 story tale
诗 诗歌 诗词 小诗 短诗 诗句 poem verse poetry
句子 语句 话 句 造句 sentence sentences phrase
好处 益处 优点 优势 优越性 长处 利 裨益 benefit benefits advantage advantages pros upsides
坏处 害处 缺点 弊端 劣势 危害 弊 缺陷 短处 drawback drawbacks disadvantage disadvantages cons downsides
提高 提升 改善 改进 增强 增进 加强 improve enhance boost increase
减少 降低 减小 减轻 削减 缩减 reduce decrease lower lessen cut
增加 增多 增长 增大
影响 作用 效果 impact effect effects influence impacts
例子 示例 实例 范例 案例 样例 example examples instance
区别 差异 不同之处 差别 不同点 异同 对比 比较 difference differences distinction compare contrast distinguish
相似之处 相同点 共同点 相似点 similarities similarity
特点 特征 特性 特色 属性 特质 characteristics characteristic features feature traits
步骤 流程 过程 程序步骤 steps procedure process
重要性 意义 必要性 价值 importance significance important
列表 清单 名单 一览表
能力 水平 技能 本领 ability skill skills
因素 要素 factor factors element elements
用途 用处 应用 用法 uses application applications usage
想法 点子 创意 主意 idea ideas
建议 提示 忠告 tip tips advice suggestion suggestions
标题 题目 题 title headline
主题 话题 题材 topic theme subject
单词 词 词语 词汇 字 word words
人工智能 ai
计算机 电脑 computer computers
电子邮件 邮件 电邮 email e-mail mail
孩子 儿童 小孩 小朋友 kids children child
老师 教师 teacher
学生 同学 student students
父母 家长 parents
人 人们 人类 人士 people person humans someone
英语 英文 english
法语 法文 french
德语 德文 german
日语 日文 japanese
汉语 中文 华语 普通话 chinese
俄语 俄文 russian
西班牙语 西班牙文 spanish
韩语 韩文 朝鲜语 korean
美国 美利坚合众国 usa us america
英国 大不列颠 uk britain
中国 我国 中华人民共和国 prc china
选择 挑选 选 选出 choose select pick
删除 去除 去掉 移除 remove delete
最大 最高 最多
最好 最佳 最优 best
妈妈 母亲 mother mom
爸爸 父亲 father dad
减肥 瘦身 减重
高兴 快乐 开心 愉快 happy
情绪 情感 感受 心情 感情 emotion emotions feeling feelings
出现 发生
可能 合理
人物 角色 character characters
信息 数据 资料 data information
挑战 困难 challenge challenges
关键 要点 重点 主旨
程序 代码 算法 函数 脚本 program code algorithm function script
悲伤 难过 伤心 悲痛 sad
快速 迅速 快
美丽 漂亮 美 beautiful
当今 现代 今天 如今
问题 难题 疑问 problem question
作者 作家 author writer
公司 企业 company business
春天 春季 spring springtime
夏天 夏季 夏日 summer
秋天 秋季 autumn fall
冬天 冬季 冬日 winter
系统 体系 system systems
事件 经过 事情 event events
工作 运作 运转 运行
词表 单词列表 单词表
笑点 包袱
命令 指令 command instruction
口号 广告语 标语 slogan
短语 词组
评论 点评 评语 review
概要 摘要 提要 梗概 summary
大纲 提纲 纲要
博客 博文 blog
信 书信 信件 letter
对话 对白 dialogue conversation
观点 看法 见解 opinion opinions view views
类别 种类 类型 类 type types kind kinds category categories
趋势 动向 trend trends
状况 情况 状态 形势 局面 situation
目标 目的 goal goals purpose objective objectives
结果 result results outcome outcomes
后果 consequence consequences
原理 机制 机理 principle principles mechanism
好 良好 优秀 出色 优良 不错 good great excellent
有趣 有意思 好玩 interesting
准确 精确 accurate precise
通顺 流畅 有意义
完成 complete finish
世界 全世界 world
降序 递减 从大到小 descending
升序 递增 从小到大 ascending
厘米 公分 cm centimeter centimeters centimetre centimetres
毫米 mm millimeter millimeters
米 meter meters metre metres
千米 公里 km kilometer kilometers kilometre kilometres
千克 公斤 kg kilogram kilograms
克 gram grams
毫升 ml milliliter milliliters
升 公升 liter liters litre litres
英里 mile miles
英寸 inch inches
英尺 foot feet ft
磅 pound pounds lb lbs
盎司 ounce ounces oz
摄氏度 摄氏 celsius
华氏度 华氏 fahrenheit
小时 钟头 hour hours
分钟 minute minutes
美元 美金 usd dollar dollars
人民币 rmb yuan
欧元 eur euro euros
新冠 新冠病毒 新冠肺炎 冠状病毒 新型冠状病毒 covid coronavirus
几岁 多大 年龄 年纪 岁数 age
购买 买 购置 buy purchase
出售 售卖 卖 sell
利用 运用 采用 借助 utilize
包括 包含 含有 囊括 含 include includes including contain contains containing
添加 加入 增添 补充 加上 插入 加 add insert
避免 防止 预防 avoid prevent
协助 有助于 有益于 assist
导致 引起 造成 引发 带来 cause causes
获得 获取 得到 取得 obtain
开始 着手 start begin
了解 认识 理解 明白 懂得 understand
提问 发问 ask
至多 不超过
至少 起码 不少于
地区 区域 地域 area region
国家 国度 country countries nation nations
城市 都市 city cities
职位 岗位 职务 position role
比喻 隐喻 metaphor
日常 每日 每天 daily everyday
定期 经常 常常 规律 regular regularly
锻炼 体育锻炼 健身 exercise exercising
食谱 菜谱 recipe
旅行 旅游 travel trip
医生 大夫 doctor
房屋 房子 住宅 house
汽车 轿车 car cars
商店 店铺 店 shop store
网站 站点 website
互联网 因特网 internet
年轻人 青年 youth
老人 老年人 elderly
成年人 成人 adult adults
顾客 客户 customer customers client clients
员工 雇员 职员 employee employees
谚语 俗语 俗话
温度 气温 temperature
答案 answers
时间表 日程表 日程 schedule timeline
简历 履历 resume
缺乏 缺少
喜欢 喜爱
相同 同样 一样 不变 同 same
正确 恰当 proper
必要 必需
保护 保卫 protect
红色 红 red
蓝色 蓝 blue
绿色 绿 green
黄色 yellow
黑色 黑 black
白色 white
紫色 purple
橙色 橘色 orange
粉色 粉红色 粉红 pink
灰色 grey gray
棕色 褐色 brown
东 东方 东部 东边 east eastern
南 南方 南部 南边 south southern
西 西方 西部 西边 west western
北 北方 北部 北边 north northern
意大利语 意大利文 italian
葡萄牙语 葡萄牙文 portuguese
阿拉伯语 阿拉伯文 arabic
拉丁语 拉丁文 latin
正方形 square
三角形 triangle
圆 圆形 circle
长方形 矩形 rectangle
圆柱 圆柱体 cylinder
圆锥 圆锥体 锥体 cone
立方体 正方体 cube
球体 球 sphere
俳句 haiku
十四行诗 sonnet
打油诗 limerick
平均值 均值 平均数 average
中位数 中位值
主动 主动语态 active
被动 被动语态 passive
有效 合法 valid
无效 invalid
";
