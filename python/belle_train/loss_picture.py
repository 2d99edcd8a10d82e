def loss_page(report, losses):
    return "<html></html>"
